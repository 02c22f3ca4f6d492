import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { rawTar } from '../../../test/kit/raw-tar.ts'
import { canonicalize, formatOfMediaType, LAYER } from './canonicalize.ts'

test('layers are known by their media types, plain and in gzip', () => {
  for (const type of [
    'application/vnd.oci.image.layer.v1.tar',
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ]) {
    assert.equal(formatOfMediaType(type), LAYER, type)
  }
  for (const type of ['application/vnd.oci.image.layer.v1.tar+zstd', 'application/vnd.oci.image.config.v1+json', '']) {
    assert.equal(formatOfMediaType(type), undefined, type)
  }
})

test('a layer with a setuid bit more is another layer', () => {
  const layer = (mode: number) => gzipSync(rawTar([{ name: 'bin/su', mode, content: 'su' }]))
  const found = canonicalize.compare('layer', layer(0o755), layer(0o4755))
  assert.equal(found.level, 'mismatch')
  assert.deepEqual(found.differences, ['bin/su: mode: built 0755, upstream 04755'])
  assert.notEqual(canonicalize.canonicalDigest('', layer(0o755)), canonicalize.canonicalDigest('', layer(0o4755)))
})
