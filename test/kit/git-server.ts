/**
 * A git server on a free loopback port: git's own `http-backend` behind Node's HTTP, repositories made by `git fast-import`, so
 * that tests have real commits, tags, modes, links and submodules without a work tree. Point sources at it by `server.mirror(host)`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SourceMirror } from '../../src/sources/mirrors.ts'
import type { NewFile } from '../../src/sources/tree/folder.ts'

/** What a commit is made with. */
export interface CommitOptions {
  /** A tag on it; annotated with `annotated`. */
  readonly tag?: string
  readonly annotated?: boolean
  /** Seconds since 1970. */
  readonly atSeconds?: number
  /** Branch, `main` if absent; the commit follows what is there. */
  readonly branch?: string
}

/** What is answered instead of git; undefined: git answers. */
export type Intercept = (
  method: string,
  path: string,
) => Promise<{ status: number; headers?: Record<string, string> } | undefined>

/** A running server. */
export interface GitServer {
  /** Without trailing slash. */
  readonly url: string
  /** `METHOD path?query` of each request so far. */
  readonly requests: string[]
  /** The mirror by which repositories of this host are asked here: `https://<host>/a/b` is `repository('a/b')`. */
  mirror(host: string): SourceMirror
  /** Adds a commit with these files and no others to a repository, made if it is new; its id. */
  publish(path: string, files: readonly NewFile[], options?: CommitOptions): string
  /** Sets or moves a tag. */
  tag(path: string, name: string, commit: string): void
  /** A copy of a repository under another path; with `shared` the first one gives out the objects of the second too, as hosts do. */
  fork(from: string, to: string, shared?: boolean): void
  /** Asks for a password from now on, which nobody has. */
  hide(path: string): void
  intercept(how: Intercept | undefined): void
  /** Without protocol 2, as old servers: only what references point at is given. */
  old(isOld: boolean): void
  /** Runs git in a repository; what it prints. @throws Error if it fails */
  git(path: string, args: readonly string[], input?: string | Buffer): string
  close(): Promise<void>
}

const AT_SECONDS = 1_700_000_000
const IDENTITY = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
}

type Repositories = Pick<GitServer, 'publish' | 'tag' | 'fork' | 'git'> & { has(path: string): boolean }

/** Starts one; `host` of `mirror` is free to choose. */
export async function startGitServer(): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), 'pyrsia-git-'))
  const { has, ...repositories } = repositoriesIn(root)
  const requests: string[] = []
  const hidden = new Set<string>()
  const running = new Set<ChildProcess>()
  let how: Intercept | undefined
  let isOld = false

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = req
    requests.push(`${method} ${url}`)
    const [path = '/', query = ''] = url.split('?', 2)
    const instead = await how?.(method, path)
    const [, name = '', what = ''] = /^\/(.+?)(?:\.git)?\/(info\/refs|git-upload-pack)$/.exec(path) ?? []
    if (instead !== undefined) {
      res.writeHead(instead.status, instead.headers).end()
    } else if (hidden.has(name)) {
      res.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    } else if (!has(name)) {
      res.writeHead(404).end()
    } else {
      const child = runBackend(req, { root, path: `/${name}.git/${what}`, query }, isOld)
      running.add(child)
      child.once('close', () => running.delete(child))
      forward(child, res)
    }
  }
  const server = createServer((req, res) => void answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...repositories,
    url,
    requests,
    mirror: (host) => ({ prefix: `https://${host}/`, to: `${url}/` }),
    hide: (path) => void hidden.add(path),
    intercept(next) {
      how = next
    },
    old(next) {
      isOld = next
    },
    async close() {
      server.closeAllConnections()
      for (const child of running) child.kill('SIGKILL')
      await new Promise((resolve) => server.close(resolve))
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function repositoriesIn(root: string): Repositories {
  const known = new Set<string>()
  const folderOf = (path: string) => join(root, `${path}.git`)
  const git = (path: string, args: readonly string[], input: string | Buffer = ''): string => {
    const env = { ...process.env, ...IDENTITY }
    const { status, stdout, stderr } = spawnSync('git', ['-C', folderOf(path), ...args], { env, input })
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
    return stdout.toString().trim()
  }
  const make = (path: string): void => {
    if (known.has(path)) return
    known.add(path)
    mkdirSync(folderOf(path), { recursive: true })
    git(path, ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', '.'])
    git(path, ['config', 'uploadpack.allowFilter', 'true'])
  }
  return {
    git,
    has: (path) => known.has(path),
    publish(path, files, options = {}) {
      make(path)
      const branch = `refs/heads/${options.branch ?? 'main'}`
      git(path, ['fast-import', '--quiet', '--force'], commitStream(branch, hasRef(git, path, branch), files, options))
      const id = git(path, ['rev-parse', branch])
      const { tag, annotated } = options
      if (tag !== undefined) git(path, ['tag', '-f', ...(annotated === true ? ['-a', '-m', tag] : []), tag, id])
      return id
    },
    tag: (path, name, commit) => void git(path, ['update-ref', `refs/tags/${name}`, commit]),
    fork(from, to, shared = false) {
      make(to)
      git(to, ['fetch', '--quiet', folderOf(from), '+refs/*:refs/*'])
      if (!shared) return
      mkdirSync(join(folderOf(from), 'objects/info'), { recursive: true })
      writeFileSync(join(folderOf(from), 'objects/info/alternates'), `${join(folderOf(to), 'objects')}\n`)
    },
  }
}

function hasRef(git: GitServer['git'], path: string, ref: string): boolean {
  return git(path, ['for-each-ref', '--format=%(refname)', ref]) !== ''
}

/** A stream of `git fast-import` (git-fast-import(1)). */
function commitStream(branch: string, follows: boolean, files: readonly NewFile[], options: CommitOptions): Buffer {
  const parts: (string | Buffer)[] = [
    `commit ${branch}\ncommitter A <a@example.com> ${options.atSeconds ?? AT_SECONDS} +0000\ndata 1\n.\n`,
    follows ? `from ${branch}^0\n` : '',
    'deleteall\n',
  ]
  for (const { path, content, executable, link, submodule } of files) {
    if (submodule === true) {
      parts.push(`M 160000 ${content} ${path}\n`)
      continue
    }
    const bytes = Buffer.from(content)
    const mode = link === true ? '120000' : executable === true ? '100755' : '100644'
    parts.push(`M ${mode} inline ${path}\ndata ${bytes.length}\n`, bytes, '\n')
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part)))
}

/** Git's own CGI program (git-http-backend(1)). */
function runBackend(
  req: IncomingMessage,
  { root, path, query }: { readonly root: string; readonly path: string; readonly query: string },
  isOld: boolean,
): ChildProcess {
  const protocol = req.headers['git-protocol']
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      ...IDENTITY,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: req.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: req.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: req.headers['content-encoding'] ?? '',
      ...(protocol === undefined || isOld ? {} : { GIT_PROTOCOL: String(protocol) }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.on('error', () => undefined)
  req.pipe(child.stdin)
  return child
}

/** What the CGI program prints, as an HTTP reply (RFC 3875, 6). */
function forward(child: ChildProcess, res: ServerResponse): void {
  let head: Buffer | undefined = Buffer.alloc(0)
  child.stdout?.on('data', (chunk: Buffer) => {
    if (head === undefined) {
      res.write(chunk)
      return
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    let status = 200
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(line) ?? []
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
      else if (name !== '') res.setHeader(name, value)
    }
    res.writeHead(status)
    res.write(head.subarray(end + 4))
    head = undefined
  })
  child.once('close', () => {
    if (head !== undefined) res.writeHead(500)
    res.end()
  })
}
