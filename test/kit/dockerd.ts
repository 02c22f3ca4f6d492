/** A real dockerd for end-to-end tests (root), optionally with its own /etc/hosts so that Docker Hub's names lead to a stand-in. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finished, mustRun, type Running, run, start, until } from './process.ts'

/** Debian's own client where it is installed: it fits the daemon. */
const DOCKER: string = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker'

/** A running daemon. */
export interface Dockerd {
  readonly process: Running
  /** Runs the docker client on it. */
  docker(...args: string[]): Promise<Finished>
  /** The same, and it must succeed. */
  must(...args: string[]): Promise<string>
  stop(): Promise<void>
}

/**
 * Starts dockerd with its state below `directory`. `hub`: names of Docker Hub lead to `host` and its certificate is trusted.
 */
export async function startDockerd(options: {
  readonly directory: string
  readonly mirrors: readonly string[]
  readonly hub?: { readonly host: string; readonly certificate: string }
  readonly auth?: { readonly name: string; readonly password: string }
}): Promise<Dockerd> {
  const at = (name: string): string => join(options.directory, name)
  mkdirSync(at('config'), { recursive: true })
  writeFileSync(at('daemon.json'), JSON.stringify({ 'registry-mirrors': options.mirrors }))
  writeFileSync(at('config/config.json'), JSON.stringify(clientConfig(options.auth)))
  const host = `unix://${at('docker.sock')}`
  const args = [
    'dockerd',
    '--config-file',
    at('daemon.json'),
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--data-root',
    at('data'),
    '--exec-root',
    at('exec'),
    '--pidfile',
    at('docker.pid'),
    '-H',
    host,
  ]
  const process =
    options.hub === undefined ? start('dockerd', args.slice(1)) : startWithHosts(args, at('hosts'), options.hub)
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: at('config'), DOCKER_BUILDKIT: '0' }
  const docker = (...words: string[]): Promise<Finished> => run(DOCKER, words, { env, timeoutMs: 180_000 })
  await until('dockerd to answer', async () => (await docker('version')).code === 0)
  return {
    process,
    docker,
    async must(...words) {
      return (await mustRun(DOCKER, words, { env, timeoutMs: 180_000 })).stdout
    },
    async stop() {
      await process.stop('SIGTERM', 20_000)
      // Layers stay mounted in the test's own mount namespace when a container was killed; a private daemon takes its own along.
      await run('sh', ['-c', `grep -o '${options.directory}[^ ]*' /proc/mounts | xargs -r -n1 umount -l`])
    },
  }
}

/** Runs dockerd in a mount namespace of its own, where /etc/hosts is another file. */
function startWithHosts(
  args: readonly string[],
  hosts: string,
  hub: { readonly host: string; readonly certificate: string },
): Running {
  const names = ['registry-1.docker.io', 'auth.docker.io', 'index.docker.io', 'docker.io']
  writeFileSync(hosts, `127.0.0.1 localhost\n${names.map((name) => `${hub.host} ${name}\n`).join('')}`)
  return start('unshare', ['--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, ...args], {
    env: { SSL_CERT_FILE: hub.certificate },
  })
}

function clientConfig(auth: { readonly name: string; readonly password: string } | undefined): unknown {
  if (auth === undefined) return {}
  return { auths: { 'https://index.docker.io/v1/': { auth: btoa(`${auth.name}:${auth.password}`) } } }
}

/**
 * Makes an image of a static busybox and `layers` further layers of `layerBytes` random bytes each, and pushes it to a registry.
 * Returns its digest there. Needs busybox-static.
 */
export async function pushImage(
  daemon: Dockerd,
  options: {
    readonly directory: string
    readonly reference: string
    readonly layers: number
    readonly layerBytes: number
    readonly says: string
  },
): Promise<string> {
  const context = join(options.directory, `context-${options.reference.replaceAll(/[^a-z0-9]/g, '-')}`)
  mkdirSync(context, { recursive: true })
  const lines = ['FROM scratch', 'COPY busybox /bin/busybox', 'COPY says /says']
  await mustRun('cp', ['/bin/busybox', join(context, 'busybox')])
  writeFileSync(join(context, 'says'), options.says)
  for (let index = 0; index < options.layers; index++) {
    const name = `layer-${index}`
    await mustRun('dd', [
      'if=/dev/urandom',
      `of=${join(context, name)}`,
      'bs=65536',
      `count=${Math.ceil(options.layerBytes / 65_536)}`,
    ])
    lines.push(`COPY ${name} /${name}`)
  }
  lines.push('CMD ["/bin/busybox", "cat", "/says"]')
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  await daemon.must('build', '-q', '-t', options.reference, context)
  const pushed = await daemon.must('push', options.reference)
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1]
  if (digest === undefined) throw new Error(`docker push named no digest: ${pushed}`)
  await daemon.must('rmi', options.reference)
  return digest
}
