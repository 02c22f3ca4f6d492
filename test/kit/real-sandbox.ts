/** Sandboxes of bubblewrap for tests, in folders of their own that go with the test. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../src/base/clock.ts'
import { systemClock, systemRandom } from '../../src/main/effects.ts'
import { createBubblewrapSandbox } from '../../src/sandbox/bubblewrap.ts'
import { findBubblewrap } from '../../src/sandbox/find-bubblewrap.ts'
import { removeTree } from '../../src/sandbox/job/own.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'

/** A sandbox, the data directory that it lies in, and how both are taken away. */
export interface RealSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox
  readonly data: string
}

/** Opens one in a folder of its own, or in `data`. */
export async function openRealSandbox(data?: string): Promise<RealSandbox> {
  const bubblewrap = await findBubblewrap()
  if (bubblewrap.kind === 'missing') throw new Error(bubblewrap.reason)
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'pyrsia-sandbox-')))
  const sandbox = await createBubblewrapSandbox(
    { folder: join(folder, 'sandbox'), bubblewrap },
    { clock: systemClock, random: systemRandom, logger: silentLogger },
  )
  return { sandbox, data: folder, [Symbol.asyncDispose]: () => removeTree(folder) }
}
