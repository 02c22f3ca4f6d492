import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { needs } from '../../test/kit/needs.ts'
import { sandboxSuite } from '../../test/kit/sandbox-suite.ts'
import { silentLogger } from '../base/clock.ts'
import { systemClock, systemRandom } from '../main/effects.ts'
import { createBubblewrapSandbox } from './bubblewrap.ts'
import { requireBubblewrap } from './find-bubblewrap.ts'

const folders: string[] = []
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'pyrsia-sandbox-'))
  folders.push(folder)
  const bubblewrap = await requireBubblewrap()
  return await createBubblewrapSandbox(
    { folder, bubblewrap },
    { clock: systemClock, random: systemRandom, logger: silentLogger },
  )
}

sandboxSuite('bubblewrap', needs('bubblewrap', 'python3'), open)
