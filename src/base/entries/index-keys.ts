/**
 * By what bytes of a log are to be found, fast enough to index a million of them: without looking whether they are an entry. What is
 * found is read with `parseEntry` by whoever wants it, so too many keys harm nobody, and of real entries none is left out.
 */
import type { Entry } from './entry.ts'
import { type RoughEntryKeys, roughEntryKeys } from './entry-keys.ts'

/** The kind and the keys that bytes state; none for what states none. Never throws. */
export function indexKeys(bytes: Uint8Array): RoughEntryKeys & { readonly kind: string | undefined } {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    const entry = JSON.parse(text) as Entry
    const { purls, digests, packages } = roughEntryKeys(entry)
    const isText = (value: unknown): boolean => typeof value === 'string'
    if (!isText(entry.kind)) return { kind: undefined, purls: [], digests: [], packages: [] }
    return {
      kind: entry.kind,
      purls: purls.filter(isText),
      digests: digests.filter(isText),
      packages: packages.filter(isText),
    }
  } catch {
    return { kind: undefined, purls: [], digests: [], packages: [] }
  }
}
