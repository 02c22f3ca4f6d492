/**
 * A sandbox that contains nothing, for tests of those who drive one: jobs are real folders, and a step is a function of the test that may
 * read and write them.
 */
import { createReadStream, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { AppError } from '../../src/base/errors.ts'
import { JOB_FOLDERS, type SandboxStep } from '../../src/base/rebuild/build-plan.ts'
import { collect, streamOf } from '../../src/base/streams.ts'
import type { JobOptions, Sandbox, SandboxJob } from '../../src/sandbox/sandbox.ts'

/** What a step does; text: what it prints, a number: the code with which it fails. */
export type ScriptedStep = (step: SandboxStep, directory: string, options: JobOptions) => Promise<string | number>

/** A sandbox whose steps a test plays. */
export interface ScriptedSandbox extends Sandbox {
  /** Folders of jobs that were not disposed of. */
  readonly open: Set<string>
}

/** Jobs in folders below the machine's own for temporary files. */
export function scriptedSandbox(play: ScriptedStep): ScriptedSandbox {
  const open = new Set<string>()
  return {
    name: 'scripted 1',
    open,
    async job(options) {
      const directory = await mkdtemp(join(tmpdir(), 'pyrsia-scripted-'))
      for (const folder of JOB_FOLDERS) await mkdir(join(directory, folder))
      open.add(directory)
      return jobIn(directory, play, options, () => open.delete(directory))
    },
  }
}

function jobIn(directory: string, play: ScriptedStep, options: JobOptions, onEnd: () => void): SandboxJob {
  const printed: string[] = []
  const read = async (path: string): Promise<Buffer | undefined> => {
    return await readFile(join(directory, path)).catch(() => undefined)
  }
  return {
    directory,
    async run(step) {
      const played = await play(step, directory, options)
      const log = typeof played === 'string' ? played : `ended with ${played}`
      printed.push(`== ${step.name}\n${log}\n`)
      return { exitCode: typeof played === 'number' ? played : 0, failure: undefined, log, durationMs: 1 }
    },
    async read(path, bytesMax) {
      const bytes = await read(path)
      if (bytes !== undefined && bytes.byteLength > bytesMax)
        throw new AppError('exhausted.size', `${path} is too large`)
      return bytes
    },
    open(path) {
      const whole = join(directory, path)
      const found = statSync(whole, { throwIfNoEntry: false })
      if (!found?.isFile()) throw new AppError('absent.blob', `there is no file ${path}`)
      return { sizeBytes: found.size, body: createReadStream(whole) }
    },
    async list(path) {
      const entries = await readdir(join(directory, path), { withFileTypes: true }).catch(() => undefined)
      return entries?.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
    },
    async write(path, bytes) {
      const whole = join(directory, path)
      await mkdir(dirname(whole), { recursive: true })
      await writeFile(whole, await collect(bytes instanceof Uint8Array ? streamOf(bytes) : bytes, 100_000_000))
    },
    log: async () => Buffer.from(printed.join('')),
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true })
      onEnd()
    },
  }
}
