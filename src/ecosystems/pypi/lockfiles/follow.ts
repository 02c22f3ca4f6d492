/**
 * From a project's page to the files that an install on one platform may take: those that the lockfile's hashes name (without
 * hashes: those of its version), wheels for the platform, or the source where there is no such wheel. With each goes the
 * metadata beside it, which resolvers read first.
 */
import { type Digest, digestOf } from '../../../base/digest.ts'
import { AppError } from '../../../base/errors.ts'
import { purlParts } from '../../../base/purl.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { versionOfFile } from '../names.ts'
import { isObject } from '../pages/json.ts'
import { type PageFile, readProjectPage } from '../pages/project-page.ts'

/** Go's names of architectures as wheels have them: Linux, then macOS and Windows where they differ. */
const MACHINES: Readonly<Record<string, RegExp>> = {
  'linux/amd64': /^(?:many|musl)?linux.*_x86_64$/,
  'linux/arm64': /^(?:many|musl)?linux.*_aarch64$/,
  'linux/386': /^(?:many|musl)?linux.*_i686$/,
  'linux/arm': /^(?:many|musl)?linux.*_armv[67]l$/,
  'linux/ppc64le': /^(?:many|musl)?linux.*_ppc64le$/,
  'linux/s390x': /^(?:many|musl)?linux.*_s390x$/,
  'linux/riscv64': /^(?:many|musl)?linux.*_riscv64$/,
  'linux/loong64': /^(?:many|musl)?linux.*_loongarch64$/,
  'darwin/amd64': /^macosx_.*_(?:x86_64|universal2|intel|universal)$/,
  'darwin/arm64': /^macosx_.*_(?:arm64|universal2)$/,
  'windows/amd64': /^win_amd64$/,
  'windows/arm64': /^win_arm64$/,
  'windows/386': /^win32$/,
}

/**
 * The files and their metadata; none if the lockfile's files are all for other platforms (it then wants nothing here).
 * @throws untrusted.reply if the page is malformed; absent.document if it has none of the files
 */
export function followPypi(
  locked: LockedFile,
  reply: { readonly bytes: Uint8Array; readonly mediaType: string },
  platform: string,
): LockedFile[] {
  const page = readProjectPage(reply.bytes, reply.mediaType)
  const wanted = page.files.filter((file) => isWanted(file, locked))
  if (wanted.length === 0) {
    const what = locked.digests.length === 0 ? 'that version' : 'any of the hashes'
    throw new AppError(
      'absent.document',
      `the index has no file of ${locked.purl} with ${what} that the lockfile names`,
    )
  }
  const wheels = wanted.filter(({ filename }) => filename.endsWith('.whl') && suits(filename, platform))
  const sources = wanted.filter(({ filename }) => /\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)$/.test(filename))
  return (wheels.length > 0 ? wheels : sources).flatMap((file) => lockedFiles(file, locked))
}

function isWanted(file: PageFile, { digests, purl }: LockedFile): boolean {
  if (digests.length > 0) return digestsOf(file.hashes).some((digest) => digests.includes(digest))
  const { name, version } = purlParts(purl)
  return versionOfFile(name, file.filename) === version
}

/** The platform part of a wheel's name; several platforms have a dot between them (PEP 425, "Compressed Tag Sets"). */
function suits(filename: string, platform: string): boolean {
  const machine = MACHINES[platform.split('/').slice(0, 2).join('/')]
  const tags = filename.slice(filename.lastIndexOf('-') + 1, -'.whl'.length).split('.')
  return tags.some((tag) => tag === 'any' || machine?.test(tag) === true)
}

function lockedFiles(file: PageFile, { purl }: LockedFile): LockedFile[] {
  // The page is this node's own form: URLs lead from the page to the mount.
  const requestPath = file.url.replace(/^\.\.\/\.\./, '')
  const metadata = digestsOf(file['core-metadata'])
  const own: LockedFile = { purl, digests: digestsOf(file.hashes), requestPath }
  return metadata.length === 0 ? [own] : [own, { purl, digests: metadata, requestPath: `${requestPath}.metadata` }]
}

function digestsOf(hashes: unknown): Digest[] {
  if (!isObject(hashes)) return []
  return (['sha512', 'sha256'] as const).flatMap((algorithm) => {
    const hex = hashes[algorithm]
    return typeof hex === 'string' && /^[0-9a-f]+$/i.test(hex) && hex.length === (algorithm === 'sha256' ? 64 : 128)
      ? [digestOf(algorithm, hex)]
      : []
  })
}
