/**
 * The media types of manifests, and what they say about a document's structure. Sources: OCI image spec 1.1 (media-types.md)
 * and the Docker image manifest specification, version 2, schemas 1 and 2.
 */

/** What a manifest is: of one image, of several, or one whose content is not looked into. */
export type ManifestKind = 'image' | 'index' | 'artifact' | 'opaque'

/** Every manifest type that is asked for and kept, in the order of preference that is sent upstream. */
export const MANIFEST_KINDS: ReadonlyMap<string, ManifestKind> = new Map([
  ['application/vnd.oci.image.index.v1+json', 'index'],
  ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
  ['application/vnd.oci.image.manifest.v1+json', 'image'],
  ['application/vnd.docker.distribution.manifest.v2+json', 'image'],
  ['application/vnd.oci.artifact.manifest.v1+json', 'artifact'],
  ['application/vnd.docker.distribution.manifest.v1+json', 'opaque'],
])

/** A schema 1 manifest with signatures inside: its digest is not the hash of its bytes. */
export const SIGNED_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws'

/** The Accept header sent upstream: all types, so that one answer serves every client and no registry converts. */
export const MANIFEST_ACCEPT: string = [...MANIFEST_KINDS.keys()].join(', ')

/** A Content-Type without its parameters, in lower case. */
export function bareMediaType(contentType: string): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}
