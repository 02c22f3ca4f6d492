/** nginx with the files of one folder, for benchmarks: what a plain server of the same files can do. Needs `nginx`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { toolPath } from './needs.ts'
import { type Running, start, until } from './process.ts'

/** A running server. */
export interface StaticServer {
  /** Base URL without trailing slash. */
  readonly url: string
  /** The process that answers. */
  readonly pid: number
  close(): Promise<void>
}

/** Serves what lies in `root` on a free loopback port; its own files go below `directory`. */
export async function startStaticServer(directory: string, root: string): Promise<StaticServer> {
  const own = join(directory, 'nginx')
  mkdirSync(own, { recursive: true })
  const port = await freePort()
  const text = `master_process off; pid ${own}/pid; error_log ${own}/error.log; daemon off;
user root; events { worker_connections 256; }
http { access_log off; sendfile on; keepalive_requests 1000000; types { text/html html; text/xml xml pom; }
default_type application/octet-stream;
server { listen 127.0.0.1:${port}; root ${root}; index index.html; } }`
  writeFileSync(join(own, 'nginx.conf'), text)
  const nginx: Running = start(toolPath('nginx'), ['-c', join(own, 'nginx.conf')])
  const url = `http://127.0.0.1:${port}`
  await until('nginx to answer', () =>
    fetch(`${url}/nothing`).then(
      () => true,
      () => false,
    ),
  )
  return { url, pid: nginx.pid, close: async () => void (await nginx.stop()) }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
