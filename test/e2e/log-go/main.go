// Reads notes, cosignatures, Merkle proofs and proof files with Go's own packages, and makes some: the other side of
// test/e2e/log-go.test.ts. Usage: log-go check|make <in.json >out.json
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type recordProof struct {
	Index, Size int64
	Hashes      []tlog.Hash
	Root, Leaf  tlog.Hash
}

type treeProof struct {
	Size1, Size2 int64
	Root1, Root2 tlog.Hash
	Hashes       []tlog.Hash
}

type exchange struct {
	LogKey    string
	Cosigners []string
	Note      string
	Entries   [][]byte
	Records   []recordProof
	Trees     []treeProof
	TlogProof string
}

type verdict struct {
	Signers []string
	Root    tlog.Hash
	Records []bool
	Trees   []bool
	Index   uint64
	Hashes  [][sha256.Size]byte
	Inner   string
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// store holds the hashes of a tree as tlog wants them.
type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		found[at] = s[index]
	}
	return found, nil
}

func treeOf(entries [][]byte) store {
	var s store
	for at, entry := range entries {
		s = append(s, must(tlog.StoredHashes(int64(at), entry, s))...)
	}
	return s
}

func check(in exchange) verdict {
	verifiers := []note.Verifier{must(note.NewVerifier(in.LogKey))}
	for _, key := range in.Cosigners {
		verifiers = append(verifiers, must(formats.NewVerifierForCosignatureV1(key)))
	}
	opened := must(note.Open([]byte(in.Note), note.VerifierList(verifiers...)))
	out := verdict{Root: must(tlog.TreeHash(int64(len(in.Entries)), treeOf(in.Entries)))}
	for _, signature := range opened.Sigs {
		out.Signers = append(out.Signers, signature.Name)
	}
	for _, one := range in.Records {
		out.Records = append(out.Records, tlog.CheckRecord(one.Hashes, one.Size, one.Root, one.Index, one.Leaf) == nil)
	}
	for _, one := range in.Trees {
		out.Trees = append(out.Trees, tlog.CheckTree(one.Hashes, one.Size2, one.Root2, one.Size1, one.Root1) == nil)
	}
	var file proof.TLogProof
	if err := file.Unmarshal([]byte(in.TlogProof)); err != nil {
		must(0, err)
	}
	out.Index, out.Hashes, out.Inner = file.Index, file.Hashes, string(file.Checkpoint)
	return out
}

type seed byte

func (s seed) Read(bytes []byte) (int, error) {
	for at := range bytes {
		bytes[at] = byte(s)
	}
	return len(bytes), nil
}

func keyOf(name string, s seed) (string, string) {
	secret, public, err := note.GenerateKey(s, name)
	must(0, err)
	return secret, public
}

func makeExchange(in exchange) exchange {
	size := int64(len(in.Entries))
	hashes := treeOf(in.Entries)
	root := must(tlog.TreeHash(size, hashes))
	out := exchange{Entries: in.Entries}
	secret, public := keyOf("go.example/log", 1)
	out.LogKey = public
	signers := []note.Signer{must(note.NewSigner(secret))}
	for _, name := range []string{"w1.example", "w2.example"} {
		secret, public := keyOf(name, seed(len(signers)+1))
		out.Cosigners = append(out.Cosigners, must(formats.VKeyToCosignatureV1(public)))
		signers = append(signers, must(formats.NewSignerForCosignatureV1(secret)))
	}
	text := fmt.Sprintf("go.example/log\n%d\n%s\n", size, root)
	signed := must(note.Sign(&note.Note{Text: text}, signers...))
	out.Note = string(signed)
	for index := int64(0); index < size; index++ {
		proven := must(tlog.ProveRecord(size, index, hashes))
		leaf := tlog.RecordHash(in.Entries[index])
		out.Records = append(out.Records, recordProof{index, size, proven, root, leaf})
		if index > 0 {
			first := must(tlog.TreeHash(index, hashes))
			out.Trees = append(out.Trees, treeProof{index, size, first, root, must(tlog.ProveTree(size, index, hashes))})
		}
	}
	file := proof.TLogProof{Index: 2, Checkpoint: signed}
	for _, hash := range out.Records[2].Hashes {
		file.Hashes = append(file.Hashes, hash)
	}
	out.TlogProof = string(file.Marshal())
	return out
}

func main() {
	var in exchange
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		must(0, err)
	}
	var out any
	if os.Args[1] == "make" {
		out = makeExchange(in)
	} else {
		out = check(in)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		must(0, err)
	}
}
