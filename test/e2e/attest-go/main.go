// Verifies DSSE envelopes and the in-toto statements in them with the Go packages of their authors: the other side of
// test/e2e/attest-go.test.ts. Usage: attest-go <in.json >out.json
package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	summary "github.com/in-toto/attestation/go/predicates/vsa/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

type question struct {
	Envelope  dsse.Envelope
	Keys      []string
	Threshold int
}

type answer struct {
	Error         string
	Keys          []string
	Subjects      map[string]string
	PredicateType string
	Purl          string
	Inputs        []string
	Levels        []string
}

// key is an Ed25519 public key, named by its hex.
type key struct {
	name   string
	public ed25519.PublicKey
}

func (k key) Verify(_ context.Context, data, sig []byte) error {
	if ed25519.Verify(k.public, data, sig) {
		return nil
	}
	return fmt.Errorf("not signed by %s", k.name)
}

func (k key) KeyID() (string, error)   { return k.name, nil }
func (k key) Public() crypto.PublicKey { return k.public }

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func judge(asked question) (out answer, err error) {
	var keys []dsse.Verifier
	for _, text := range asked.Keys {
		public, err := hex.DecodeString(text)
		if err != nil {
			return out, err
		}
		keys = append(keys, key{text, public})
	}
	verifier, err := dsse.NewMultiEnvelopeVerifier(asked.Threshold, keys...)
	if err != nil {
		return out, err
	}
	accepted, err := verifier.Verify(context.Background(), &asked.Envelope)
	if err != nil {
		return out, err
	}
	for _, one := range accepted {
		out.Keys = append(out.Keys, one.KeyID)
	}
	payload, err := asked.Envelope.DecodeB64Payload()
	if err != nil {
		return out, err
	}
	var statement intoto.Statement
	if err := protojson.Unmarshal(payload, &statement); err != nil {
		return out, err
	}
	if err := statement.Validate(); err != nil {
		return out, err
	}
	out.PredicateType = statement.PredicateType
	out.Subjects = map[string]string{}
	for _, subject := range statement.Subject {
		out.Subjects[subject.Name] = subject.Digest["sha256"]
	}
	predicate, err := protojson.Marshal(statement.Predicate)
	if err != nil {
		return out, err
	}
	switch statement.PredicateType {
	case "https://slsa.dev/provenance/v1":
		var found provenance.Provenance
		if err := protojson.Unmarshal(predicate, &found); err != nil {
			return out, err
		}
		if err := found.Validate(); err != nil {
			return out, err
		}
		out.Purl = found.BuildDefinition.ExternalParameters.Fields["purl"].GetStringValue()
		for _, input := range found.BuildDefinition.ResolvedDependencies {
			if err := input.Validate(); err != nil {
				return out, err
			}
			out.Inputs = append(out.Inputs, input.Name)
		}
	case "https://slsa.dev/verification_summary/v1":
		var found summary.VerificationSummary
		if err := protojson.Unmarshal(predicate, &found); err != nil {
			return out, err
		}
		out.Purl = found.ResourceUri
		out.Levels = found.VerifiedLevels
	}
	return out, nil
}

func main() {
	var asked []question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		must(0, err)
	}
	answers := []answer{}
	for _, one := range asked {
		found, err := judge(one)
		if err != nil {
			found = answer{Error: err.Error()}
		}
		answers = append(answers, found)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		must(0, err)
	}
}
