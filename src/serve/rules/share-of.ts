/** With whom what was asked of an upstream may be shared. Used for files and documents alike. */
import type { ShareLevel } from '../../base/share.ts'
import type { ServeParts } from '../parts.ts'

/** The upstream's level; nobody gets what is marked or what belongs to no configured upstream. */
export function shareOf(
  what: { readonly upstream: string; readonly unshared?: boolean },
  { upstream }: Pick<ServeParts, 'upstream'>,
): ShareLevel {
  return what.unshared === true ? 'none' : (upstream.config(what.upstream)?.share ?? 'none')
}
