import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingEntries } from './lockfile.ts'

test('missingEntries() gives an optional dependency without entry its version and the platform of its name', () => {
  const packages = {
    'node_modules/tool': {
      version: '1.0.0',
      dev: true,
      optionalDependencies: { '@tool/cli-linux-arm64-musl': '1.0.0', '@tool/cli-linux-x64': '1.0.0' },
    },
    'node_modules/@tool/cli-linux-x64': { version: '1.0.0' },
  }
  assert.deepEqual(missingEntries(packages), {
    'node_modules/@tool/cli-linux-arm64-musl': {
      version: '1.0.0',
      cpu: ['arm64'],
      dev: true,
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    },
  })
  assert.deepEqual(missingEntries({ ...packages, ...missingEntries(packages) }), {})
})
