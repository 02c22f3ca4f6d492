/**
 * Strict reading and canonical digests against `unzip -t` and `gzip -t`, of a wheel and of a tarball of about 100 MB each (270 MB unpacked,
 * slices of the Node program, 256 KiB a file). Rounds are interleaved. Usage: node bench/archive.ts [MB] (default 100; about a minute)
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { canonicalDigest, canonicalDigestOfBytes } from '../src/archive/compare.ts'
import { openFileSource } from '../src/archive/file-source.ts'
import { readStreaming } from '../src/archive/reading/inflate-stream.ts'
import { TARBALL } from '../src/ecosystems/npm/canonicalize.ts'
import { WHEEL } from '../src/ecosystems/pypi/canonicalize.ts'
import { rawTar } from '../test/kit/raw-tar.ts'
import { rawZip } from '../test/kit/raw-zip.ts'

const ROUNDS = 5
const FILE_BYTES = 262_144
const MB = 1_000_000
const PACKED_PER_BYTE = 0.37
const wantedMb = Math.min(400, Number(process.argv[2] ?? 100))
const say = (line: string) => process.stdout.write(`${line}\n`)

function slices(): { readonly name: string; readonly content: Buffer }[] {
  const program = readFileSync(process.execPath)
  const count = Math.ceil((wantedMb * MB) / PACKED_PER_BYTE / FILE_BYTES)
  return Array.from({ length: count }, (_, index) => {
    const from = (index * FILE_BYTES) % (program.byteLength - FILE_BYTES)
    return { name: `package/part-${index}.bin`, content: program.subarray(from, from + FILE_BYTES) }
  })
}

function tool(command: string, ...words: readonly string[]): () => void {
  return () => {
    const { status, error } = spawnSync(command, words, { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) throw error ?? new Error(`${command} ended with ${status}`)
  }
}

async function measure(
  cases: Readonly<Record<string, () => unknown>>,
): Promise<ReadonlyMap<string, { readonly ms: number; readonly cpuMs: number }>> {
  const times = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]))
  const cpu = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const [startMs, used] = [performance.now(), process.cpuUsage()]
      await run()
      times.get(name)?.push(performance.now() - startMs)
      const { user, system } = process.cpuUsage(used)
      cpu.get(name)?.push((user + system) / 1000)
    }
  }
  const median = (all: number[] | undefined) => all?.sort((x, y) => x - y)[Math.floor(ROUNDS / 2)] ?? 0
  return new Map([...times].map(([name, all]) => [name, { ms: median(all), cpuMs: median(cpu.get(name)) }]))
}

const folder = mkdtempSync(join(tmpdir(), 'pyrsia-bench-archive-'))
try {
  const files = slices()
  const [wheel, tarball] = [join(folder, 'big-1.0-py3-none-any.whl'), join(folder, 'big-1.0.0.tgz')]
  writeFileSync(wheel, rawZip(files))
  writeFileSync(tarball, gzipSync(rawTar(files)))
  const unpackedMb = (files.length * FILE_BYTES) / MB
  for (const [path, format, tested, command] of [
    [wheel, WHEEL, 'unzip -t', tool('unzip', '-tqq', wheel)],
    [tarball, TARBALL, 'gzip -t', tool('gzip', '-t', tarball)],
  ] as const) {
    const bytes = readFileSync(path)
    const inMemory = () => canonicalDigestOfBytes(bytes, format)
    const streamed = async () => {
      const source = openFileSource(path)
      const digest = await readStreaming(canonicalDigest(source, format))
      source.close()
      return digest
    }
    if (inMemory() !== (await streamed())) throw new Error('two readers, two digests')
    const medians = await measure({ [tested]: command, 'in memory': inMemory, streamed })
    const sizeMb = statSync(path).size / MB
    say(
      `${path.split('/').at(-1)}: ${sizeMb.toFixed(0)} MB, ${unpackedMb.toFixed(0)} MB unpacked, ${files.length} files`,
    )
    const peerMs = medians.get(tested)?.ms ?? 0
    for (const [name, { ms, cpuMs }] of medians) {
      const ratio =
        name === tested ? '' : `, ${(peerMs / ms).toFixed(2)} of the speed of ${tested}, ${cpuMs.toFixed(0)} ms of CPU`
      say(`  ${name}: ${ms.toFixed(0)} ms, ${((unpackedMb / ms) * 1000).toFixed(0)} MB/s unpacked${ratio}`)
    }
  }
  const memory = process.resourceUsage().maxRSS / 1024
  say(`memory of this process at most: ${memory.toFixed(0)} MB, the files themselves included`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
