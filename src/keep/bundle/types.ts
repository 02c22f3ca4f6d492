/** What goes into bundles and comes out of them, and what they need. Types only. */
import type { Clock } from '../../base/clock.ts'
import type { BlobId } from '../../base/digest.ts'
import type { DocumentKey } from '../../base/document.ts'
import type { ByteStream } from '../../base/streams.ts'
import type { Store } from '../../store/store.ts'
import type { BundleTrust } from './manifest.ts'

/** What to put into a bundle: everything, or what is pinned under any of the labels. */
export type BundleSelection = { readonly all: true } | { readonly all: false; readonly labels: readonly string[] }

/** An imported bundle. Plain JSON. */
export interface ImportedBundle {
  /** The label of its pins. */
  readonly label: string
  /** Who wrote it. */
  readonly signer: string
  /** True: its documents were believed. */
  readonly trusted: boolean
  readonly blobCount: number
  readonly sizeBytes: number
  readonly documentCount: number
  /** Documents that were left out because their signer is not trusted. */
  readonly ignoredCount: number
  readonly importedAtMs: number
}

/** Bundles of one node. */
export interface Bundles {
  /**
   * The bundle as a stream; each blob is checked as it is read.
   * @throws absent.blob if nothing is selected, or nothing is pinned under one of the labels; damaged.blob while it streams
   */
  export(selection: BundleSelection, signal: AbortSignal): Promise<ByteStream>
  /**
   * Takes a bundle in. Nothing of it becomes visible before its digest agreed, no document before the whole bundle did; if it
   * fails, what was verified by then is ordinary cache.
   * @throws untrusted.bundle, untrusted.signature, untrusted.digest, untrusted.size, exhausted.size, exhausted.disk, aborted.caller
   */
  import(stream: ByteStream, signal: AbortSignal): Promise<ImportedBundle>
  list(): ImportedBundle[]
  /** Lets go what an import pinned. @throws absent.blob */
  remove(label: string): ImportedBundle
}

/** What bundles need. */
export interface BundleDependencies {
  readonly store: Store
  /** Documents and packages that pins of this label were made for, beside what the pins themselves tell. */
  readonly keptFor: (label: string) => Promise<
    | {
        readonly documents: readonly DocumentKey[]
        readonly files: readonly { readonly purl: string; readonly id: BlobId }[]
      }
    | undefined
  >
  readonly trust: BundleTrust
  readonly clock: Clock
}
