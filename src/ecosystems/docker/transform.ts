/** Documents of image registries (tag lists, referrers) reach clients as upstream gave them. */

import type { Want } from '../../base/located.ts'
import type { RequestView, Transformed, TransformFacts } from '../ecosystem.ts'

/** Always the empty key: there is one form, and it is never content-encoded. */
export function dockerVariant(_request: RequestView, _want: Want): string {
  return ''
}

/** The document itself. */
export function transformDocker(document: Uint8Array, facts: TransformFacts, _variant: string): Transformed {
  return { bytes: document, mediaType: facts.mediaType, encoding: undefined }
}
