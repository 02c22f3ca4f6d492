/**
 * Runs inside the sandbox, as its own program: prepares one step, runs it, and tells the node outside how it ended. It imports
 * nothing of Pyrsia, since it sees only its own folder. Nothing that it says is trusted further than its step could be: the limits
 * are held by the kernel and from outside. DESIGN.md, "The runner".
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import {
  closeSync,
  constants,
  lutimesSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { constants as machine, setPriority } from 'node:os'

/** What the node outside asks for, as the first line on descriptor 3. */
export interface StepRequest {
  /** What confines the step, and then the step. */
  readonly argv: readonly [string, ...string[]]
  /** All of it. */
  readonly env: Readonly<Record<string, string>>
  /** What may still be printed; the rest is dropped. */
  readonly logBytes: number
  /** Sets the times of every file of the job; undefined: leaves them. */
  readonly fileTimeSeconds: number | undefined
  /** Path of the registry's socket; undefined: whatever is asked of the network is refused and told. */
  readonly registrySocket: string | undefined
  readonly registryPort: number
}

/** What the runner tells, one JSON document a line, on descriptor 3. */
export type StepReport =
  | { readonly kind: 'started' }
  /** Something was asked of the network that the step has not declared. */
  | { readonly kind: 'undeclared'; readonly what: string }
  /** The log is full: what is printed from now on is dropped. */
  | { readonly kind: 'full' }
  /** `exitCode`: 128 and the signal's number if a signal ended it. */
  | { readonly kind: 'ended'; readonly exitCode: number; readonly droppedBytes: number }

const JOB = '/build'
const CONTROL = 3
/** Beside the one process, so that a step that forks without end leaves the machine usable. */
const NICENESS = 10
/** The kernel's killer takes the step before the node. */
const FIRST_TO_BE_KILLED = '1000'
const UNDECLARED_MAX = 100
const UNDECLARED_CHARACTERS = 300
/** For output that is still in the pipe when the program has ended and something else holds it. */
const REST_MS = 200
const LOOPBACK = '127.0.0.1'
const CLOSE_ON_EXEC = 0o2000000
const REQUEST_CHARACTERS_MAX = 4_096
const REFUSAL_TEXT = 'this step has no registry\n'
const REFUSAL = `HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: ${REFUSAL_TEXT.length}\r\n\r\n${REFUSAL_TEXT}`

const control = new Socket({ fd: CONTROL })
const told = new Set<string>()

function tell(report: StepReport): void {
  control.write(`${JSON.stringify(report)}\n`)
}

function tellUndeclared(what: string): void {
  const short = what.slice(0, UNDECLARED_CHARACTERS)
  if (told.has(short) || told.size >= UNDECLARED_MAX) return
  told.add(short)
  tell({ kind: 'undeclared', what: short })
}

function request(): Promise<StepRequest> {
  return new Promise((resolve) => {
    let text = ''
    control.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.endsWith('\n')) resolve(JSON.parse(text) as StepRequest)
    })
    // The node is gone: so is everything here.
    control.on('close', () => process.exit(1))
  })
}

/** Links too; folders after what is in them. What cannot be reached keeps its time. */
function setTimes(folder: string, seconds: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    try {
      if (entry.isDirectory()) setTimes(path, seconds)
      else lutimesSync(path, seconds, seconds)
    } catch {}
  }
  lutimesSync(folder, seconds, seconds)
}

function listening(
  server: { listen(port: number, host: string, done: () => void): unknown },
  port: number,
): Promise<void> {
  return new Promise((resolve) => server.listen(port, LOOPBACK, resolve))
}

/** Carries bytes between the sandbox's loopback and the socket that leads out; understands nothing of them. */
async function forward(port: number, socketPath: string): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = connect({ path: socketPath, allowHalfOpen: true })
    inner.pipe(outer).pipe(inner)
    inner.on('error', () => outer.destroy())
    outer.on('error', () => inner.destroy())
    inner.on('close', () => outer.destroy())
    outer.on('close', () => inner.destroy())
  })
  await listening(server, port)
}

/** Refuses requests to where the registry would be, and tells their first lines. By hand: to load HTTP costs more than the rest here. */
async function refuseRequests(port: number): Promise<void> {
  const server = createServer((socket) => {
    let said = ''
    const tellIt = (): void => {
      const [method = '', target = ''] = said.split(/[\r\n]/, 1)[0]?.split(' ') ?? []
      tellUndeclared(target === '' ? `a connection to port ${port}` : `${method} ${target}`)
    }
    socket.setEncoding('latin1').on('data', (text: string) => {
      said = (said + text).slice(0, REQUEST_CHARACTERS_MAX)
      if (!said.includes('\n') && said.length < REQUEST_CHARACTERS_MAX) return
      socket.removeAllListeners('data').removeListener('close', tellIt).resume().end(REFUSAL)
      tellIt()
    })
    socket.on('close', tellIt)
    socket.on('error', () => undefined)
  })
  await listening(server, port)
}

/** Answers every question about a name with "no such name", and tells it. */
async function refuseNames(): Promise<void> {
  const server = createSocket('udp4')
  server.on('message', (question, from) => {
    if (question.length < 17) return
    tellUndeclared(`the address of ${nameIn(question)}`)
    const answer = Buffer.from(question)
    // A response, recursion available, NXDOMAIN, nothing but the question.
    answer.writeUInt16BE(0x8183, 2)
    answer.fill(0, 6, 12)
    server.send(answer, from.port, from.address)
  })
  await new Promise<void>((resolve) => {
    server.on('error', () => resolve())
    server.bind(53, LOOPBACK, resolve)
  })
}

function nameIn(question: Buffer): string {
  const labels: string[] = []
  for (let at = 12; at < question.length; ) {
    const length = question[at] ?? 0
    if (length === 0 || length > 63) break
    labels.push(question.toString('latin1', at + 1, at + 1 + length).replace(/[^\w-]/g, '?'))
    at += 1 + length
  }
  return labels.join('.')
}

/** A pipe as shells make them: what Node itself would make is a socket, which `/dev/stdout` cannot be opened through. */
function openPipe(): { readonly out: Socket; readonly into: number } {
  const path = '/tmp/.step'
  execFileSync('mkfifo', ['-m', '600', path], { env: {} })
  const out = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const into = openSync(path, constants.O_WRONLY)
  unlinkSync(path)
  return { out: new Socket({ fd: out, readable: true, writable: false }), into }
}

/** Copies up to `bytesMax` to descriptor 1 and counts the rest. */
function copyLog(out: Socket, bytesMax: number): { dropped(): number } {
  let left = bytesMax
  let droppedBytes = 0
  out.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, left)
    left -= kept.length
    if (droppedBytes === 0 && kept.length < chunk.length) tell({ kind: 'full' })
    droppedBytes += chunk.length - kept.length
    for (let at = 0; at < kept.length; ) {
      try {
        at += writeSync(1, kept, at)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      }
    }
  })
  out.on('error', () => undefined)
  return { dropped: () => droppedBytes }
}

function ending(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on('error', () => resolve(126))
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : machine.signals[signal])))
  })
}

/** What the node inherited from whoever started it must not get into a step. Node's own descriptors close by themselves. */
function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    if (Number(name) <= CONTROL) continue
    try {
      const [, flags = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'latin1')) ?? []
      if ((Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(Number(name))
    } catch {}
  }
}

async function main(): Promise<void> {
  process.umask(0o022)
  closeInherited()
  const step = await request()
  tell({ kind: 'started' })
  writeFileSync('/proc/self/oom_score_adj', FIRST_TO_BE_KILLED)
  setPriority(NICENESS)
  await refuseNames()
  if (step.registrySocket !== undefined) await forward(step.registryPort, step.registrySocket)
  else await refuseRequests(step.registryPort)
  const { out, into } = openPipe()
  if (step.fileTimeSeconds !== undefined) setTimes(JOB, step.fileTimeSeconds)
  const [program, ...args] = step.argv
  const child = spawn(program, args, { cwd: '/', env: step.env, stdio: ['ignore', into, into] })
  const ended = ending(child)
  closeSync(into)
  const log = copyLog(out, step.logBytes)
  const closed = new Promise<void>((resolve) => out.on('close', resolve))
  const exitCode = await ended
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, REST_MS))])
  control.end(
    `${JSON.stringify({ kind: 'ended', exitCode, droppedBytes: log.dropped() } satisfies StepReport)}\n`,
    () => process.exit(0),
  )
}

await main()
