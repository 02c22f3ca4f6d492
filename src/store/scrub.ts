/** Reading blobs again, all of them page by page, or one. */
import type { BlobId } from '../base/digest.ts'
import type { BlobInfo, ScrubReport, Store } from './store.ts'

/** What a scrub needs of its store. */
export interface ScrubHost {
  lookup(id: BlobId): BlobInfo | undefined
  /** The next blobs in the order of their ids; none: that was all. */
  page(after: BlobId | undefined): readonly BlobInfo[]
  readonly totalBytes: number
  /** Reads one whole; a damaged one is out of service then. */
  verify(id: BlobId, progress: (bytes: number) => void): Promise<'sound' | 'damaged' | 'gone'>
}

/** Does what `Store.scrub` says. @throws aborted.caller */
export async function scrubBlobs(options: Parameters<Store['scrub']>[0], host: ScrubHost): Promise<ScrubReport> {
  const damaged: BlobId[] = []
  let checkedBlobs = 0
  let checkedBytes = 0
  const one = options.id === undefined ? undefined : host.lookup(options.id)
  const totalBytes = options.id === undefined ? host.totalBytes : (one?.sizeBytes ?? 0)
  const progress = (bytes: number) => {
    checkedBytes += bytes
    options.progress?.(checkedBytes, totalBytes)
  }
  let page = options.id === undefined ? host.page(undefined) : one === undefined ? [] : [one]
  while (page.length > 0) {
    for (const { id } of page) {
      const verdict = await host.verify(id, progress)
      if (verdict !== 'gone') checkedBlobs += 1
      if (verdict === 'damaged') damaged.push(id)
    }
    page = options.id === undefined ? host.page(page.at(-1)?.id) : []
  }
  return { checkedBlobs, checkedBytes, damaged }
}
