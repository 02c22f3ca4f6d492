import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { storeSuite } from '../../test/kit/store-suite.ts'
import { type Clock, type Random, silentLogger } from '../base/clock.ts'
import { hexOf } from '../base/digest.ts'
import { createDiskStore } from './disk.ts'
import type { Store } from './store.ts'

const root = mkdtempSync(join(tmpdir(), 'pyrsia-store-'))
after(() => rmSync(root, { recursive: true, force: true }))
const random: Random = { bytes: (count) => randomBytes(count), fraction: () => 0.5 }
const directories = new WeakMap<Store, string>()
let count = 0

storeSuite('disk', {
  async open(options, clock: Clock) {
    count += 1
    const directory = join(root, String(count))
    const store = await createDiskStore({ directory, ...options }, { clock, random, logger: silentLogger })
    directories.set(store, directory)
    return store
  },
  async flip(store, info, offset) {
    const hex = hexOf(info.id)
    const path = join(directories.get(store) ?? '', 'blobs', 'sha256', hex.slice(0, 2), hex)
    const bytes = readFileSync(path)
    bytes[offset] = (bytes[offset] ?? 0) ^ 1
    writeFileSync(path, bytes)
  },
})
