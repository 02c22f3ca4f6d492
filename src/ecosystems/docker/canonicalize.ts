/** How layers of images are read and compared: all that a container's file system has of them counts, no rule takes anything away. */
import type { Format } from '../../archive/archive.ts'
import { type Comparator, createComparator } from '../../archive/comparator.ts'

/** A layer, plain or in gzip. (OCI image spec 1.1, layer.md.) */
export const LAYER: Format = { name: 'layer/1', container: 'tar', layer: true, rules: [] }

const LAYER_TYPES =
  /^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs)\.[a-z.]*(?:v1\.|diff\.)?tar(?:[.+]gzip)?$/

/** How content of this media type is read; undefined: it is no layer, or in a compression that is not read (zstd). */
export function formatOfMediaType(mediaType: string): Format | undefined {
  return LAYER_TYPES.test(mediaType) ? LAYER : undefined
}

/** Layers compared; the name does not matter. */
export const canonicalize: Comparator = createComparator(() => LAYER)
