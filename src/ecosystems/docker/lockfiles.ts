/**
 * Lists of images: one reference in each line, as `docker pull` takes it, and comments after `#`. Images have no lockfile of
 * their own; a reference with a digest is as good. What an index or a manifest leads to is in `follow.ts`.
 */
import { AppError } from '../../base/errors.ts'
import type { LockedFile, LockfileReader } from '../ecosystem.ts'
import { repositoryPurl } from './coordinates.ts'
import { readContentDigest, readRepository, readTag, repositoryText } from './names.ts'

const LINES_MAX = 10_000

/** The reader of lists. */
export const dockerLockfiles: readonly LockfileReader[] = [
  { fileName: /^(?:[\w.-]*[.-])?images?\.(?:txt|list)$/, read: readImageList },
]

/** The images, each once. @throws usage.request naming the line */
function readImageList(bytes: Uint8Array): LockedFile[] {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (lines.length > LINES_MAX) {
    throw new AppError(
      'usage.request',
      `reading a list of images: wanted at most ${LINES_MAX} lines, found ${lines.length}`,
    )
  }
  const found = new Map<string, LockedFile>()
  for (const [index, line] of lines.entries()) {
    const text = line.replace(/(?:^|\s)#.*$/, '').trim()
    if (text === '') continue
    try {
      const file = imageFile(text)
      found.set(file.requestPath, file)
    } catch (cause) {
      throw new AppError('usage.request', `reading a list of images: line ${index + 1} is no image reference`, {
        cause,
      })
    }
  }
  return [...found.values()]
}

/** `[registry/]name[:tag][@digest]`; a digest outranks a tag. @throws usage.request */
function imageFile(text: string): LockedFile {
  const [named = '', stated] = text.split('@', 2)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const repository = readRepository(colon < 0 ? named : named.slice(0, colon))
  const tag = colon < 0 ? 'latest' : readTag(named.slice(colon + 1))
  const digest = stated === undefined ? undefined : readContentDigest(stated)
  const reference = digest ?? tag
  return {
    purl: repositoryPurl(repository, reference),
    digests: digest === undefined ? [] : [digest],
    requestPath: `/${repositoryText(repository)}/manifests/${reference}`,
    leads: true,
  }
}
