/** What an image is made of, as requests: an index leads to the manifest for one platform, a manifest to its blobs. */
import { AppError } from '../../base/errors.ts'
import type { Reference } from '../../base/located.ts'
import type { LockedFile } from '../ecosystem.ts'
import { readManifest } from './manifests/manifest.ts'

/** Manifests and blobs below a manifest. @throws untrusted.reply; absent.document if an index has nothing for `platform` */
export function followDocker(
  file: LockedFile,
  { bytes, mediaType }: { readonly bytes: Uint8Array; readonly mediaType: string },
  platform: string,
): LockedFile[] {
  const repository = /^(.+)\/manifests\/[^/]+$/.exec(file.requestPath)?.[1]
  if (repository === undefined) return []
  const manifest = readManifest(bytes, [mediaType])
  const at = (kind: 'manifests' | 'blobs', { digest }: Reference): LockedFile => ({
    purl: file.purl,
    digests: [digest],
    requestPath: `${repository}/${kind}/${digest}`,
    ...(kind === 'manifests' ? { leads: true } : {}),
  })
  if (manifest.kind !== 'index') return manifest.blobs.map((blob) => at('blobs', blob))
  return childrenFor(manifest.children, platform, file.requestPath).map((child) => at('manifests', child))
}

/** An index whose manifests name no platform is wanted whole. */
function childrenFor(children: readonly Reference[], platform: string, path: string): readonly Reference[] {
  const offered = children.flatMap((child) => child.platform ?? [])
  if (offered.length === 0) return children
  const found = children.filter((child) => child.platform === platform || child.platform?.startsWith(`${platform}/`))
  if (found.length > 0) return found
  const known = [...new Set(offered)].filter((each) => !each.startsWith('unknown/'))
  throw new AppError('absent.document', `${path}: wanted an image for ${platform}, found ${known.join(', ')}`)
}
