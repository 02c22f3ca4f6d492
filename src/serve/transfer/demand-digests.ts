/** The digests that are stated for a file, against the ones of a blob that was stored on the word of fewer. */
import { algorithmOf, createHasher } from '../../base/digest.ts'
import { AppError } from '../../base/errors.ts'
import type { Located } from '../../base/located.ts'
import type { BlobReader } from '../../store/store.ts'

/**
 * Resolves if the blob has every digest that is stated for the file. Those that are no names of it are computed, which reads it
 * whole: rare, because an ecosystem's own functions are computed when a blob comes in.
 * @throws untrusted.digest, damaged.blob, aborted.caller
 */
export async function demandDigests(reader: BlobReader, located: Located, signal: AbortSignal): Promise<void> {
  const { id, names } = reader.info
  const open = located.digests.filter((digest) => !names.includes(digest))
  if (open.length === 0) return
  const hasher = createHasher(open.map(algorithmOf))
  for await (const chunk of reader.stream(undefined, signal)) hasher.update(chunk)
  const found = hasher.digests()
  const wrong = open.find((digest) => found.get(algorithmOf(digest)) !== digest)
  if (wrong === undefined) return
  throw new AppError(
    'untrusted.digest',
    `${located.label}: wanted ${wrong}, found ${found.get(algorithmOf(wrong))} in ${id}`,
    { data: { wanted: wrong, found: found.get(algorithmOf(wrong)) } },
  )
}
