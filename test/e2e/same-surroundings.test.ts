/** What a step finds is the same whatever the node is started like: user, umask, zone, locale, folder, environment, processors. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs, REPOSITORY, TOOL_PATH } from '../kit/needs.ts'
import { mustRun } from '../kit/process.ts'

const TELLER = join(REPOSITORY, 'test/kit/sandbox-teller.ts')
const PLAIN = { PATH: TOOL_PATH, TZ: 'UTC', LANG: 'C' }
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--bounding-set=-all']

test(
  'a step finds the same, whatever user, umask, zone, locale, folder, environment and processors its node has',
  needs('bubblewrap', 'python3'),
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'pyrsia-surroundings-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    await chmod(folder, 0o777)
    const tell = async (
      name: string,
      umask: string,
      before: readonly string[],
      env: Readonly<Record<string, string>>,
    ) => {
      const words = [...before, 'env', '-i', ...Object.entries(env).map(([key, value]) => `${key}=${value}`)]
      const shell = `umask ${umask}; exec "$@"`
      const { stdout } = await mustRun('sh', [
        '-c',
        shell,
        'sh',
        ...words,
        process.execPath,
        TELLER,
        join(folder, name),
      ])
      return stdout
    }
    const first = await tell('data', '022', [], PLAIN)
    assert.match(first, /umask 0022/)
    assert.match(first, /2001-02-03 04:05:06/)
    const strange = {
      ...PLAIN,
      TZ: 'Pacific/Kiritimati',
      LC_ALL: 'tr_TR.UTF-8',
      USER: 'x',
      PYTHONHASHSEED: '7',
      http_proxy: 'http://p:1',
    }
    assert.equal(await tell('a much longer name of a folder', '077', ['taskset', '-c', '0'], strange), first)
    if (process.getuid?.() === 0) assert.equal(await tell('of nobody', '002', NOBODY, PLAIN), first)
  },
)
