/** What `pyrsia attest` asks for and is shown. Types only; `main/network/attest-file.ts` makes it. */
import type { Json } from '../../base/crypto/canonical-json.ts'
import type { AppError } from '../../base/errors.ts'

/** An attestation, as people are shown it; nothing of it is verified. */
export interface AttestationView {
  /** SHA-256 of the envelope, by which reveals and verdicts name it. */
  readonly name: string
  readonly kind: 'built' | 'witnessed' | 'unbuildable' | 'malformed' | 'summary'
  readonly purl: string
  /** Origin of the log. */
  readonly network: string
  /** Whose it is by the verdict in the file; undefined: the file does not say. */
  readonly organisation: string | undefined
  /** Hints on the keys that signed. */
  readonly keyIds: readonly string[]
  readonly statement: Json
  /** The DSSE envelope. */
  readonly envelope: Json
}

/** What is verified against what. */
export interface AttestVerifyRequest {
  /** A proof, or a DSSE envelope. */
  readonly file: string
  /** A network.json; undefined: the data directory's. */
  readonly network: string | undefined
  readonly artifact: string | undefined
  readonly purl: string | undefined
  readonly data: string | undefined
}

/** Every check that was made. */
export interface AttestReport {
  readonly kind: 'proof' | 'envelope'
  readonly checks: readonly {
    readonly name: string
    /** Undefined: it was not reached. */
    readonly holds: boolean | undefined
    readonly found: string
  }[]
  /** Undefined: all of them hold. */
  readonly failure: AppError | undefined
  /** What a yes does not say. */
  readonly remarks: readonly string[]
}

/** Attestations in files. */
export interface AttestDoor {
  /** Those in the bytes of a proof or of an envelope. @throws untrusted.malformed, untrusted.attestation, usage.json */
  read(bytes: Uint8Array): Promise<readonly AttestationView[]>
  /** @throws usage.network, usage.key, absent.network, usage.request for what cannot be read; what does not hold is in the report */
  verify(request: AttestVerifyRequest): Promise<AttestReport>
}
