package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// source is where tessera's client has the files of a log from.
type source interface {
	ReadCheckpoint(ctx context.Context) ([]byte, error)
	ReadTile(ctx context.Context, level, index uint64, width uint8) ([]byte, error)
	ReadEntryBundle(ctx context.Context, index uint64, width uint8) ([]byte, error)
}

// sourceOf is the log below a URL, or in a folder of files.
func sourceOf(place string) (source, error) {
	if !strings.HasPrefix(place, "http") {
		return client.FileFetcher{Root: place}, nil
	}
	root, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	return client.NewHTTPFetcher(root, nil)
}

// read reads every entry with tessera's client, and builds and verifies proofs with its proof builder: of inclusion and, from every
// sampled size on, of consistency. If a file with an older checkpoint is named, its state tracker follows from there to the newest.
// It prints the size, the number of proofs of each kind, the SHA-256 of all entries, and the size that was tracked from.
func read(ctx context.Context, place, vkey, older string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	from, err := sourceOf(place)
	if err != nil {
		return err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, from.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return err
	}
	size := checkpoint.Size
	sizeOf := func(context.Context) (uint64, error) { return size, nil }
	all := sha256.New()
	leaves, roots := map[uint64][]byte{}, map[uint64][]byte{}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for entry, err := range client.Entries(client.EntryBundles(ctx, 4, sizeOf, from.ReadEntryBundle, 0, size), entriesOf) {
		if err != nil {
			return err
		}
		all.Write(entry.Entry)
		leaf := rfc6962.DefaultHasher.HashLeaf(entry.Entry)
		if sampled(entry.Index, size) {
			leaves[entry.Index] = leaf
			if root, err := tree.GetRootHash(nil); err == nil && entry.Index > 0 {
				roots[entry.Index] = root
			}
		}
		if err := tree.Append(leaf, nil); err != nil {
			return err
		}
	}
	if whole, err := tree.GetRootHash(nil); err != nil || !bytes.Equal(whole, checkpoint.Hash) {
		return fmt.Errorf("the entries have the root %x, the checkpoint says %x (%v)", whole, checkpoint.Hash, err)
	}
	builder, err := client.NewProofBuilder(ctx, size, from.ReadTile)
	if err != nil {
		return err
	}
	for index, leaf := range leaves {
		hashes, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return err
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf, hashes, checkpoint.Hash); err != nil {
			return fmt.Errorf("inclusion of %d: %w", index, err)
		}
	}
	for smaller, root := range roots {
		hashes, err := builder.ConsistencyProof(ctx, smaller, size)
		if err != nil {
			return err
		}
		err = proof.VerifyConsistency(rfc6962.DefaultHasher, smaller, size, hashes, root, checkpoint.Hash)
		if err != nil {
			return fmt.Errorf("consistency from %d: %w", smaller, err)
		}
	}
	tracked, err := track(ctx, from, verifier, older)
	if err != nil {
		return err
	}
	fmt.Printf("%d %d %d %x %d\n", size, len(leaves), len(roots), all.Sum(nil), tracked)
	return nil
}

// track follows the log from an older checkpoint to the newest, and says from which size.
func track(ctx context.Context, from source, verifier note.Verifier, older string) (uint64, error) {
	if older == "" {
		return 0, nil
	}
	raw, err := os.ReadFile(older)
	if err != nil {
		return 0, err
	}
	newest := client.UnilateralConsensus(from.ReadCheckpoint)
	tracker, err := client.NewLogStateTracker(ctx, from.ReadTile, raw, verifier, verifier.Name(), newest)
	if err != nil {
		return 0, err
	}
	began := tracker.Latest().Size
	if _, _, _, err := tracker.Update(ctx); err != nil {
		return 0, err
	}
	return began, nil
}

// sampled says of which entries proofs are made: around the edges of tiles of the first two levels, the last, and some between.
func sampled(index, size uint64) bool {
	const tile = 256
	for _, edge := range []uint64{0, tile, 2 * tile, tile * tile, size - size%tile, size - 1} {
		if index+2 >= edge && index <= edge+2 {
			return true
		}
	}
	return index%997 == 0
}

func entriesOf(bundle []byte) ([][]byte, error) {
	entries := api.EntryBundle{}
	err := entries.UnmarshalText(bundle)
	return entries.Entries, err
}
