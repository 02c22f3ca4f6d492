/**
 * Node to node against curl from nginx over TLS, interleaved in one run: bytes that are thrown away, and bytes that are verified
 * and stored. Two processes each on loopback, files on tmpfs. `PYRSIA_BENCH_BYTES` (default 1 GiB) and `PYRSIA_BENCH_ROUNDS`
 * (default 3) bound it. Goals are in `4-network.md` ("What the hardware allows here"): 0.9 for verified and stored.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../src/base/clock.ts'
import { type BlobId, blobIdOf } from '../src/base/digest.ts'
import { createDataPlane, type DataPlane } from '../src/peers/data/data-plane.ts'
import { makeCertificate } from '../src/peers/data/wire/certificate.ts'
import { identityOfSeed, publicKeyOf } from '../src/peers/identity.ts'
import type { Neighbour } from '../src/peers/neighbour.ts'
import type { PeerHost, Provider } from '../src/peers/peers.ts'
import { createDiskStore } from '../src/store/disk.ts'
import type { Store } from '../src/store/store.ts'
import { realClock, realRandom } from '../test/kit/data-network.ts'
import { fixedControl } from '../test/kit/fake-control.ts'
import { MemoryHost } from '../test/kit/peer-host.ts'

const SIZE_BYTES = Number(process.env.PYRSIA_BENCH_BYTES ?? 1_073_741_824)
const ROUNDS = Number(process.env.PYRSIA_BENCH_ROUNDS ?? 3)
const SMALL_BYTES = 10_240
const SMALL_COUNT = 8_000
const effects = { clock: realClock, random: realRandom, logger: silentLogger }

interface Held {
  readonly peerId: string
  readonly port: number
  readonly id: BlobId
  readonly small: readonly BlobId[]
}

if (process.argv[2] === '--hold') await hold(process.argv[3] ?? '')
else await main()

async function openStore(directory: string): Promise<Store> {
  return await createDiskStore({ directory, limitBytes: SIZE_BYTES * 4 }, effects)
}

async function startPlane(
  host: PeerHost,
  neighbours: readonly Neighbour[],
): Promise<{ plane: DataPlane; port: number; peerId: string }> {
  const identity = identityOfSeed(randomBytes(32))
  const plane = createDataPlane({}, { ...effects, identity, control: fixedControl(neighbours) })
  const { port } = await plane.start(host)
  return { plane, port, peerId: identity.peerId }
}

/** The sender's process: stores the file and serves it until its parent leaves. */
async function hold(directory: string): Promise<void> {
  const store = await openStore(join(directory, 'holder'))
  const expectation = { digests: [], aliases: [], sizeBytes: undefined, bytesMax: SIZE_BYTES }
  const facts = { mediaType: undefined, share: 'network', origin: { kind: 'local' } } as const
  const writer = await store.begin(expectation)
  const part = randomBytes(1_048_576)
  for (let written = 0; written < SIZE_BYTES; written += part.byteLength) {
    part.writeUInt32BE(written / part.byteLength)
    await writer.write(part.subarray(0, Math.min(part.byteLength, SIZE_BYTES - written)))
  }
  const { id } = await writer.commit(facts)
  const memory = new MemoryHost()
  const small = Array.from({ length: 64 }, () => memory.add(randomBytes(SMALL_BYTES)))
  const host: PeerHost = {
    lookup: (name, asker) => store.lookup(name) ?? memory.lookup(name, asker),
    async open(name, range, asker, signal) {
      if (store.lookup(name) === undefined) return await memory.open(name, range, asker, signal)
      return (await store.open(name)).stream(range, signal)
    },
    pieces: (name) => store.pieces(name),
    document: () => undefined,
    logFile: async () => undefined,
    transact: () => Promise.reject(new Error('takes no transactions')),
    lead: () => Promise.reject(new Error('not in this benchmark')),
    shareable: () => [],
    remember() {},
    recall: () => [],
  }
  const { port, peerId } = await startPlane(host, [])
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.on('disconnect', () => process.exit(0))
  process.send?.({ peerId, port, id, small } satisfies Held)
}

async function main(): Promise<void> {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = mkdtempSync(join(base, 'pyrsia-bench-'))
  const holder = fork(fileURLToPath(import.meta.url), ['--hold', directory], { execArgv: process.execArgv })
  let nginx: ChildProcess | undefined
  try {
    const held = await new Promise<Held>((resolve) => holder.once('message', (message) => resolve(message as Held)))
    const target = join(directory, 'holder', 'blobs', 'sha256', held.id.slice(7, 9), held.id.slice(7))
    nginx = await startNginx(directory, target)
    await compare(directory, holder, held)
  } finally {
    nginx?.kill()
    holder.disconnect()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function compare(directory: string, holder: ChildProcess, held: Held): Promise<void> {
  const neighbour: Neighbour = {
    peerId: held.peerId,
    publicKey: publicKeyOf(held.peerId),
    trust: 'named',
    member: false,
    dataHosts: ['127.0.0.1'],
    dataPort: held.port,
    addresses: [],
    zone: undefined,
    sameSubnet: true,
    connected: true,
    connectedAtMs: 0,
    roundTripMs: 1,
    seenAtMs: 0,
  }
  const { plane } = await startPlane(new MemoryHost(), [neighbour])
  const store = await openStore(join(directory, 'asker'))
  const url = 'https://127.0.0.1:18443/blob'
  const rows = new Map<string, { readonly rates: number[]; readonly cpu: string[] }>()
  const time = async (name: string, work: () => Promise<unknown> | unknown): Promise<void> => {
    const [own, sender, startedAt] = [process.cpuUsage(), await cpuOf(holder), performance.now()]
    await work()
    const seconds = (performance.now() - startedAt) / 1000
    const [ownNow, senderNow] = [process.cpuUsage(own), await cpuOf(holder)]
    const row = rows.get(name) ?? { rates: [], cpu: [] }
    rows.set(name, row)
    row.rates.push(SIZE_BYTES / seconds / 1e6)
    const spent = (usage: NodeJS.CpuUsage): number => ((usage.user + usage.system) / 1e6 / SIZE_BYTES) * 1_073_741_824
    row.cpu.push(`${spent(ownNow).toFixed(2)}/${(spent(senderNow) - spent(sender)).toFixed(2)}`)
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    await time('peer, discard', () => take(plane, held))
    await time('curl, discard', () => curl(url, '/dev/null'))
    await time('peer, verified to store', () => take(plane, held, store))
    await time('curl, to file', () => curl(url, join(directory, 'curl.out')))
    await store.remove(held.id)
  }
  for (const [name, { rates, cpu }] of rows) {
    const spent = name.startsWith('peer') ? `  CPU-s/GiB receiver/sender ${cpu.join(' ')}` : ''
    process.stdout.write(`${name.padEnd(26)}${median(rates).toFixed(0).padStart(6)} MB/s${spent}\n`)
  }
  const ratio = (a: string, b: string): string =>
    (median(rows.get(a)?.rates ?? []) / median(rows.get(b)?.rates ?? [])).toFixed(2)
  process.stdout.write(`ratio, discard            ${ratio('peer, discard', 'curl, discard')}\n`)
  process.stdout.write(`ratio, verified to store  ${ratio('peer, verified to store', 'curl, to file')} (goal 0.90)\n`)
  process.stdout.write(`RSS of the receiver       ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB\n`)
  const own = process.cpuUsage()
  const rate = await smallRate(plane, held)
  const { user, system } = process.cpuUsage(own)
  const cost = `receiver ${((user + system) / SMALL_COUNT).toFixed(0)} us of CPU each`
  process.stdout.write(`10 KB blobs, 32 at a time ${rate.toFixed(0)}/s (goal 8000), ${cost}\n`)
  await plane.stop()
  await store.close()
}

async function take(plane: DataPlane, held: Held, store?: Store): Promise<void> {
  const { signal } = new AbortController()
  const provider: Provider = { ...held, trust: 'named', sizeBytes: SIZE_BYTES, mediaType: undefined }
  const transfer = await plane.fetch([provider], { signal })
  const expectation = { digests: [held.id], aliases: [], sizeBytes: SIZE_BYTES, bytesMax: SIZE_BYTES }
  const writer = await store?.begin(expectation)
  let receivedBytes = 0
  for await (const chunk of transfer.stream) {
    receivedBytes += chunk.byteLength
    await writer?.write(chunk)
  }
  await writer?.commit({ mediaType: undefined, share: 'none', origin: { kind: 'local' } })
  if (receivedBytes !== SIZE_BYTES) throw new Error(`wanted ${SIZE_BYTES} bytes, found ${receivedBytes}`)
}

async function smallRate(plane: DataPlane, held: Held): Promise<number> {
  const { signal } = new AbortController()
  let left = SMALL_COUNT
  const startedAt = performance.now()
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const id = held.small[left % held.small.length] as BlobId
      const provider: Provider = { ...held, id, trust: 'named', sizeBytes: SMALL_BYTES, mediaType: undefined }
      const { stream } = await plane.fetch([provider], { signal })
      for await (const chunk of stream) if (blobIdOf(chunk) !== id) throw new Error('wrong bytes')
    }
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  return SMALL_COUNT / ((performance.now() - startedAt) / 1000)
}

async function startNginx(directory: string, file: string): Promise<ChildProcess> {
  const pair = await makeCertificate(identityOfSeed(randomBytes(32)), Date.now())
  const root = join(directory, 'nginx')
  mkdirSync(root)
  writeFileSync(join(root, 'cert.pem'), pair.certificate)
  writeFileSync(join(root, 'key.pem'), pair.privateKey, { mode: 0o600 })
  const text = `worker_processes 1; pid ${root}/pid; error_log ${root}/error.log; daemon off;
user root; events { worker_connections 64; }
http { access_log off; sendfile on; server { listen 127.0.0.1:18443 ssl; ssl_protocols TLSv1.3;
ssl_certificate ${root}/cert.pem; ssl_certificate_key ${root}/key.pem; location = /blob { alias ${file}; } } }`
  writeFileSync(join(root, 'nginx.conf'), text)
  const nginx = spawn('/usr/sbin/nginx', ['-c', join(root, 'nginx.conf')], { stdio: 'inherit' })
  for (let tries = 0; tries < 100 && !existsSync(`${root}/pid`); tries += 1) await realClock.sleep(20)
  return nginx
}

async function curl(url: string, target: string): Promise<void> {
  const args = ['--silent', '--show-error', '--fail', '--insecure', '--output', target, url]
  const code = await new Promise((resolve) => spawn('curl', args, { stdio: 'inherit' }).on('close', resolve))
  if (code !== 0) throw new Error(`curl ended with ${code}`)
}

async function cpuOf(holder: ChildProcess): Promise<NodeJS.CpuUsage> {
  const answer = new Promise<NodeJS.CpuUsage>((resolve) => {
    holder.once('message', (message) => resolve(message as NodeJS.CpuUsage))
  })
  holder.send('cpu')
  return await answer
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
