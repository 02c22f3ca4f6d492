/**
 * The values that travel along the read flow: what a client wants, what an ecosystem needs to know to find it, and what was
 * located. All are plain data: serialisable, without effects, shared by ecosystems and the core.
 */
import type { Digest } from './digest.ts'
import type { Purl } from './purl.ts'

/** Header names in lower case. */
export type Headers = Readonly<Record<string, string>>

/** A reply in the format of the ecosystem's own clients, small enough to be kept in memory. */
export interface NativeReply {
  readonly status: number
  /** Reason phrase, where clients show it. */
  readonly statusText?: string
  readonly headers: Headers
  readonly body: Uint8Array | string
}

/**
 * What a matched request asks for. `params` is what the ecosystem's `resolve` needs; opaque to the core.
 * A want is plain JSON: a neighbour may be asked for it by its request path (never by a URL).
 */
export type Want =
  /** An index or metadata document, given to the client in its own variant. */
  | { readonly kind: 'document'; readonly upstream: string; readonly params: Readonly<Record<string, string>> }
  /** A released file, found by coordinates. */
  | { readonly kind: 'artifact'; readonly upstream: string; readonly params: Readonly<Record<string, string>> }
  /** Bytes, asked for by digest. */
  | {
      readonly kind: 'blob'
      readonly upstream: string
      readonly digest: Digest
      readonly params: Readonly<Record<string, string>>
    }
  /** Answered at once, without a look-up. */
  | { readonly kind: 'ping'; readonly reply: NativeReply }
  /** Passed to upstream as it is and not kept (searches, advisories). */
  | {
      readonly kind: 'relay'
      readonly upstream: string
      readonly method: 'GET' | 'POST'
      readonly path: string
      readonly headers: Headers
      readonly requestBytesMax: number
      readonly replyBytesMax: number
    }
  /** Something this node does not do (publishing, logins); answered by `refuse`. */
  | { readonly kind: 'unsupported'; readonly reason: Reason }

/** Why something is refused or not there: for the user's screen. */
export interface Reason {
  readonly code: 'unsupported' | 'absent' | 'denied' | 'unavailable' | 'malformed' | 'untrusted' | 'exhausted'
  /** One sentence without a full stop: what was wanted, what was found, what to do. */
  readonly message: string
}

/** Where a document is asked for and how it is kept. */
export interface DocumentRequest {
  readonly upstream: string
  /** Path below the upstream's base URL, with its query; begins with a slash. */
  readonly path: string
  /** `HEAD`: only the reply's headers matter and are kept (a pointer). */
  readonly method: 'GET' | 'HEAD'
  /** Request headers that take part in the document's identity (accept). */
  readonly headers: Headers
  /** Reply headers to keep, lower case. */
  readonly keepHeaders: readonly string[]
  readonly bytesMax: number
  /** For how long it is served without asking upstream again. */
  /** For how long upstream may take to answer at all, milliseconds, where the client falls back to somewhere else. */
  readonly patienceMs?: number
  readonly freshSeconds: number
  /** For how much longer it is served while upstream is asked in the background; 0: the client waits. */
  readonly staleSeconds: number
  /** True if the bytes at this path can never change. */
  readonly immutable: boolean
  /**
   * True if upstream only appends to it: it is renewed by its end alone where upstream states the digest of the whole
   * (`Repr-Digest`), which is checked then and always.
   */
  readonly appendOnly?: true
  /** True: shared with nobody, whatever the upstream's level (what belongs to an unreleased build). */
  readonly unshared?: boolean
  /**
   * Key of a view that `transform` must be able to make of it (for `HEAD`: of no bytes) before it takes the place of what is
   * kept: what is malformed is refused, and the last known document stays. Absent: everything is kept.
   */
  readonly provenBy?: string
}

/** What an ecosystem asks the core for while it resolves a want. */
export type Need =
  /**
   * A document, or with `view` the stored result of `transform` under that variant key (never parsed per request). With
   * `keptOnly` nobody is asked for it: the answer is what this node keeps, however old, or `unavailable`. `soon`: documents
   * of the same upstream that will most likely be asked for next; it is asked for all of them at once.
   */
  | {
      readonly kind: 'document'
      readonly request: DocumentRequest
      readonly view?: string
      readonly keptOnly?: true
      readonly soon?: readonly DocumentRequest[]
    }
  /** The bytes of a small blob; with `namesOnly` nobody is asked and no bytes come: the answer is what this node calls the blob, or `unavailable`. */
  | { readonly kind: 'blob'; readonly located: Located; readonly bytesMax: number; readonly namesOnly?: true }

/** Where bytes or a document came from. */
export type Origin =
  | { readonly kind: 'upstream'; readonly name: string }
  | { readonly kind: 'peer'; readonly peerId: string; readonly trusted: boolean }
  /** Made by this node itself (a transformed variant). */
  | { readonly kind: 'local' }

/** What the core answers a `Need` with. */
export type Got =
  | {
      readonly kind: 'document'
      readonly bytes: Uint8Array
      /** As upstream stated it. */
      readonly mediaType: string
      readonly headers: Headers
      /** Seconds since upstream last confirmed it. */
      readonly ageSeconds: number
      /** True if upstream could not be asked although it should have been. */
      readonly stale: boolean
      readonly origin: Origin
    }
  | {
      readonly kind: 'blob'
      readonly bytes: Uint8Array
      readonly mediaType: string | undefined
      readonly origin: Origin
      /** With `namesOnly`: every digest that this node computed of the bytes. */
      readonly names?: readonly Digest[]
    }
  /**
   * Upstream (or the store, for what can no longer be asked) says that it does not exist. `refused`: upstream would not tell
   * (401, 403): whoever asks several upstreams must take that for a failure, not for leave to ask the next.
   */
  | { readonly kind: 'absent'; readonly reason: Reason; readonly refused?: true }
  /** Nobody can be asked and nothing is kept. */
  | { readonly kind: 'unavailable'; readonly reason: Reason }

/** Who stated which digest for a file. */
export interface Evidence {
  /** `name`: the request itself names the digest; `client`: a hint of the client's lock data; `index`: a document of upstream; `header`: a reply header of upstream; `log`: an entry of the transparency log. */
  readonly kind: 'name' | 'client' | 'index' | 'header' | 'log'
  readonly digest: Digest
  /** For people: which document or header, of which upstream. */
  readonly statedBy: string
}

/** A file that another file refers to: it must be had too before the other one may be promised. */
export interface Reference {
  readonly digest: Digest
  readonly sizeBytes: number | undefined
  readonly mediaType: string | undefined
  /** `os/architecture` or `os/architecture/variant`, where the file that refers states it: what the other one is for. */
  readonly platform?: string
}

/** A file of which it is known what it must hash to and where upstream has it; not yet checked against policy. */
export interface Located {
  /** Purl type of the ecosystem. */
  readonly ecosystem: string
  /** The package and version it belongs to, if the request tells. */
  readonly purl: Purl | undefined
  /** What a person calls it: a file name, or repository and tag. */
  readonly label: string
  /** All digests that are stated for it, strongest first; at least one. */
  readonly digests: readonly [Digest, ...Digest[]]
  readonly sizeBytes: number | undefined
  readonly bytesMax: number
  readonly mediaType: string | undefined
  readonly upstream: string
  /** Path below the upstream's base, or an absolute URL that upstream's own index stated. */
  readonly path: string
  /** For how long upstream may take to answer at all, milliseconds, where the client falls back to somewhere else. */
  readonly patienceMs?: number
  /** Request headers for upstream. */
  readonly requestHeaders: Headers
  /** Headers for the client, beside those that the core makes (length, ETag, ranges, age). */
  readonly replyHeaders: Headers
  readonly evidence: readonly Evidence[]
  /** What must be available too, if this is served while upstream cannot be asked. */
  readonly requires: readonly Reference[]
  /** When upstream published this very file, milliseconds since 1970, if what was read on the way says so. */
  readonly releasedAtMs?: number
  /**
   * A range of a file that is not here and no larger than this is answered from the whole, fetched and checked, instead of being
   * passed through: for clients that read a part of what they may want again, when upstream cannot be asked any more. Default: 0.
   */
  readonly wholeBytesMax?: number
  /** True if upstream may replace it under the same name (a tag, a snapshot). All else is released once: another digest for it is refused. */
  readonly mutable?: boolean
  /** True: shared with nobody, whatever the upstream's level. */
  readonly unshared?: boolean
  /** True if its bytes name what clients ask for after it (`Ecosystem.ahead`). */
  readonly leads?: true
  /** The released file of which this one only tells something (its metadata): what the log says of that one is said of it. */
  readonly tellsOf?: { readonly name: string; readonly digests: readonly Digest[] }
}

/** How a resolution ends. */
export type Resolution =
  | { readonly kind: 'file'; readonly located: Located }
  /** The document, transformed for the client's variant. */
  | {
      readonly kind: 'document'
      readonly request: DocumentRequest
      readonly purl: Purl | undefined
      readonly label: string
      /** Headers for the client, beside those that the core makes. */
      readonly replyHeaders?: Headers
      /** True if it is an index of the releases of `purl`: those that the policy hides are left out of it (`TransformFacts.hidden`). */
      readonly listsReleases?: boolean
      /** True if it lists releases of many packages: those that the policy denies for other reasons than their age are left out. */
      readonly listsPackages?: boolean
    }
  /** A small computed answer. */
  | { readonly kind: 'reply'; readonly reply: NativeReply }
  | { readonly kind: 'absent'; readonly reason: Reason }
  | { readonly kind: 'unavailable'; readonly reason: Reason }
