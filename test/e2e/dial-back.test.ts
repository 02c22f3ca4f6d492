/** A holder whose data port nobody can reach dials back, and is found and read from. Real nodes on two machines of a LAN. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { type LanMachine, twoMachines } from '../kit/network-namespace.ts'
import { scratch, startNode } from '../kit/node-process.ts'
import { startNpmRegistry } from '../kit/npm-registry.ts'
import { mustRun, until } from '../kit/process.ts'

const PATH = 'big/-/big-1.0.0.tgz'

/** The SRI of what a client on `machine` gets at `url`, or of nothing if it is refused. */
async function pull(machine: LanMachine, url: string, sri: string): Promise<string> {
  const script = `const reply = await fetch(${JSON.stringify(url)}, { headers: { 'pacote-integrity': ${JSON.stringify(sri)} } })
    const { createHash } = await import('node:crypto')
    const body = reply.ok ? Buffer.from(await reply.arrayBuffer()) : ''
    console.log('sha512-' + createHash('sha512').update(body).digest('base64'))`
  const [program = '', ...rest] = [...machine.prefix, process.execPath, '--input-type=module', '-e', script]
  return (await mustRun(program, rest)).stdout.trim()
}

test('a holder that listens on its own loopback alone serves a node on another machine by dialling back', {
  ...needs('netns', 'ip'),
  timeout: 180_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-dial-back')
  const registry = await startNpmRegistry([
    { name: 'big', version: '1.0.0', files: { 'data.bin': randomBytes(5 * 1_048_576) } },
  ])
  t.after(() => registry.close())
  const tarball = Buffer.from(await (await fetch(`${registry.url}/${PATH}`)).arrayBuffer())
  const sri = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const data = join(directory, 'holder')
  const filling = await startNode({ data, args: ['--upstream', `npm=${registry.url}`] })
  const filled = await fetch(`${filling.endpoints.npm}/${PATH}`, { headers: { 'pacote-integrity': sri } })
  assert.equal((await filled.arrayBuffer()).byteLength, tarball.byteLength)
  await filling.stop()

  const [here, there] = await twoMachines(t)
  const listen = ['--offline', '--listen', `/ip4/${there.address}/tcp/0`]
  const asker = await startNode({ data: join(directory, 'asker'), prefix: there.prefix, args: listen })
  t.after(() => asker.stop())
  const upstream = ['--upstream', `npm=${registry.url}`]
  const args = ['--offline', '--peer', asker.listen[0] as string, ...upstream]
  const holder = await startNode({ data, prefix: here.prefix, args })
  t.after(() => holder.stop())
  await until('the asker to have it from the holder', async () => {
    return (await pull(there, `${asker.endpoints.npm}/${PATH}`, sri)) === sri
  })
})
