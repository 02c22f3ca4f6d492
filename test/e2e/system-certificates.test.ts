/** An upstream behind a company's own certificate authority: the machine trusts it, so the node does too. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { scratch, startNode } from '../kit/node-process.ts'
import { mustRun } from '../kit/process.ts'

test('the node trusts the certificate authorities of the machine, and no others', {
  ...needs('openssl'),
  timeout: 60_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-certificates')
  const key = join(directory, 'key.pem')
  const cert = join(directory, 'cert.pem')
  const subject = ['-subj', '/CN=stand-in', '-addext', 'subjectAltName=DNS:localhost']
  await mustRun('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, '-keyout', key, '-out', cert])
  const upstream = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, res) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"name":"sample","versions":{},"dist-tags":{}}')
  })
  await new Promise<void>((resolve) => {
    upstream.listen(0, 'localhost', resolve)
  })
  t.after(() => upstream.close())
  const args = ['--upstream', `npm=https://localhost:${(upstream.address() as AddressInfo).port}`]
  const ask = async (name: string, trusted: string): Promise<number> => {
    const env = { SSL_CERT_FILE: trusted, SSL_CERT_DIR: join(directory, 'none'), NODE_EXTRA_CA_CERTS: '' }
    const node = await startNode({ data: join(directory, name), args, env })
    t.after(() => node.stop())
    return (await fetch(new URL('sample', `${node.endpoints.npm}/`))).status
  }
  assert.equal(await ask('trusting', cert), 200)
  assert.equal(await ask('strange', '/dev/null'), 424)
})
