/** A digest as the HTML form has it: one, `name=hex`, in fragments and attributes. */
import { isObject } from './json.ts'

/** Best first; what clients know beside these is of no use in a page. */
const NAMES = ['sha256', 'sha512', 'sha384', 'sha1', 'md5'] as const

/** The best of `hashes`; undefined if there is none. */
export function digestText(hashes: unknown): string | undefined {
  if (!isObject(hashes)) return undefined
  const name = NAMES.find((each) => typeof hashes[each] === 'string' && /^[0-9a-f]+$/i.test(String(hashes[each])))
  return name === undefined ? undefined : `${name}=${hashes[name]}`
}
