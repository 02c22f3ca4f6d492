// log-tessera holds Pyrsia's log against tessera and a public witness, in both directions: it checks a log that Pyrsia serves, cosigns
// its checkpoints, and writes a log of its own that waits for the cosignatures of Pyrsia's witness. See log-tessera.test.ts.
//
//	log-tessera key NAME                                  prints a signer and a verifier key
//	log-tessera fsck PLACE VKEY                           checks every file of the log below a URL, or in a folder
//	log-tessera read PLACE VKEY [CHECKPOINT]              reads and proves it with tessera's client, from an older checkpoint on
//	log-tessera witness VKEY                              is a witness of one log until it is ended; prints URL and verifier key
//	log-tessera append DIR SKEY POLICY FIRST COUNT        appends entries, published only with the cosignatures that POLICY wants
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"github.com/transparency-dev/tessera/storage/posix"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "key":
		skey, vkey, err := note.GenerateKey(rand.Reader, args[1])
		if err != nil {
			return err
		}
		fmt.Printf("%s\n%s\n", skey, vkey)
		return nil
	case len(args) == 3 && args[0] == "fsck":
		return check(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "read":
		return read(ctx, args[1], args[2], "")
	case len(args) == 4 && args[0] == "read":
		return read(ctx, args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "witness":
		return cosign(ctx, args[1])
	case len(args) == 6 && args[0] == "append":
		return write(ctx, args[1], args[2], args[3], args[4], args[5])
	}
	return fmt.Errorf("found %q", args)
}

func check(ctx context.Context, place, vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	source, err := sourceOf(place)
	if err != nil {
		return err
	}
	checker := fsck.New(verifier.Name(), verifier, source, leafHashes, fsck.Opts{N: 4})
	if err := checker.Check(ctx); err != nil {
		return err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, source.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return err
	}
	fmt.Println(checkpoint.Size)
	return nil
}

func cosign(ctx context.Context, vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	skey, ownVkey, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		return err
	}
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	if err != nil {
		return err
	}
	cosignerVkey, err := f_note.VKeyToCosignatureV1(ownVkey)
	if err != nil {
		return err
	}
	known := func(_ context.Context, origin string) (note.Verifier, bool, error) {
		return verifier, origin == verifier.Name(), nil
	}
	w, err := witness.New(ctx, witness.Opts{
		Persistence:    inmemory.New(),
		Signers:        []note.Signer{signer},
		VerifierForLog: known,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	http.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	fmt.Printf("http://%s\n%s\n", listener.Addr(), cosignerVkey)
	return http.Serve(listener, nil)
}

func leafHashes(bundle []byte) ([][]byte, error) {
	entries, err := entriesOf(bundle)
	hashes := make([][]byte, 0, len(entries))
	for _, entry := range entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, err
}

func write(ctx context.Context, directory, skey, policy, firstText, countText string) error {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(firstText)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(countText)
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy([]byte(policy))
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: directory})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(uint(count), 100*time.Millisecond).
		WithCheckpointInterval(100*time.Millisecond).
		WithWitnesses(witnesses, &tessera.WitnessOptions{FailOpen: false, Timeout: 20 * time.Second})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 100*time.Millisecond)
	futures := make([]tessera.IndexFuture, 0, count)
	for at := range count {
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "entry %d", first+at))))
	}
	var checkpoint []byte
	for _, future := range futures {
		if _, checkpoint, err = awaiter.Await(ctx, future); err != nil {
			return err
		}
	}
	fmt.Print(string(checkpoint))
	return shutdown(ctx)
}
