/** Walks over the whole store. */
import type { BlobId } from '../../base/digest.ts'
import type { BlobInfo, Store } from '../../store/store.ts'

const PAGE = 1000

/** Every stored blob, page by page. */
export function* allBlobs(store: Pick<Store, 'list'>): Generator<BlobInfo> {
  let after: BlobId | undefined
  for (;;) {
    const page = store.list({ limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)?.id
    if (page.length < PAGE) return
  }
}
