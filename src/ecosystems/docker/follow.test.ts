/** Lists of images and what they lead to: this platform's manifest, and its blobs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobIdOf } from '../../base/digest.ts'
import type { LockedFile } from '../ecosystem.ts'
import { followDocker } from './follow.ts'
import { dockerLockfiles } from './lockfiles.ts'

const INDEX = 'application/vnd.oci.image.index.v1+json'
const IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const [amd, arm, config, layer] = ['amd', 'arm', 'config', 'layer'].map((text) => blobIdOf(Buffer.from(text)))

function read(text: string): LockedFile[] {
  const reader = dockerLockfiles.find(({ fileName }) => fileName.test('prod.images.txt'))
  assert.ok(reader)
  return reader.read(Buffer.from(text))
}

function follow(document: object, mediaType: string, platform: string): readonly (readonly [string, boolean])[] {
  const [file] = read('ghcr.io/team/app:1')
  assert.ok(file)
  const bytes = Buffer.from(JSON.stringify(document))
  return followDocker(file, { bytes, mediaType }, platform).map((next) => [next.requestPath, next.leads === true])
}

function child(digest: string | undefined, platform: object | undefined): object {
  return { mediaType: IMAGE, digest, size: 3, ...(platform === undefined ? {} : { platform }) }
}

test('a list of images yields each reference once, by the path that clients ask', () => {
  const text = `# base images\nalpine\n  library/alpine:latest  # the same\nghcr.io/team/app:1\r\n\nteam/app:2@${amd}\n`
  assert.deepEqual(
    read(text).map(({ purl, requestPath, digests, leads }) => [purl, requestPath, digests, leads]),
    [
      ['pkg:docker/alpine@latest', '/library/alpine/manifests/latest', [], true],
      ['pkg:docker/team/app@1?repository_url=ghcr.io', '/ghcr.io/team/app/manifests/1', [], true],
      [`pkg:docker/team/app@${amd}`, `/team/app/manifests/${amd}`, [amd], true],
    ],
  )
})

test('a list of images with a line that is none is refused with its number', () => {
  for (const line of ['UPPER', 'a b', 'app@sha256:12', '../x', 'app:']) {
    assert.throws(() => read(`alpine\n${line}\n`), { code: 'usage.request', message: /line 2/ }, line)
  }
})

test('an index leads to the manifest of the wanted platform alone', () => {
  const manifests = [
    child(amd, { os: 'linux', architecture: 'amd64' }),
    child(arm, { os: 'linux', architecture: 'arm64', variant: 'v8' }),
    child(layer, { os: 'unknown', architecture: 'unknown' }),
  ]
  const index = { schemaVersion: 2, mediaType: INDEX, manifests }
  assert.deepEqual(follow(index, INDEX, 'linux/amd64'), [[`/ghcr.io/team/app/manifests/${amd}`, true]])
  assert.deepEqual(follow(index, INDEX, 'linux/arm64'), [[`/ghcr.io/team/app/manifests/${arm}`, true]])
  assert.throws(() => follow(index, INDEX, 'linux/s390x'), {
    code: 'absent.document',
    message: /wanted an image for linux\/s390x, found linux\/amd64, linux\/arm64\/v8$/,
  })
})

test('an index without platforms leads to all of its manifests', () => {
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [child(amd, undefined), child(arm, undefined)] }
  assert.equal(follow(index, INDEX, 'linux/amd64').length, 2)
})

test('a manifest leads to its configuration and layers, and they to nothing', () => {
  const manifest = {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: { digest: config, size: 6, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [{ digest: layer, size: 5, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }],
  }
  assert.deepEqual(follow(manifest, IMAGE, 'linux/amd64'), [
    [`/ghcr.io/team/app/blobs/${config}`, false],
    [`/ghcr.io/team/app/blobs/${layer}`, false],
  ])
  assert.throws(() => follow({}, IMAGE, 'linux/amd64'), { code: 'untrusted.reply' })
})
