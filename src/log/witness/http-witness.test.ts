import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { collect } from '../../base/streams.ts'
import { listen } from '../../http/listen.ts'
import type { HttpHandler } from '../../http/registry.ts'
import { createHttpWitness, type HttpWitness } from './http-witness.ts'

const { signal } = new AbortController()

async function witnessOf(t: TestContext, handler: HttpHandler): Promise<HttpWitness> {
  const server = await listen({ host: '127.0.0.1', port: 0, setting: '--port' })
  server.serve(handler)
  const witness = createHttpWitness(`${server.url}/w1/`)
  t.after(async () => {
    await witness.close()
    await server.close(0)
  })
  return witness
}

test('a witness is sent the body at add-checkpoint below its URL, and answers with a status and bytes', async (t) => {
  const asked: string[] = []
  const { post } = await witnessOf(t, async (request, response) => {
    const body = await collect(request, 100)
    asked.push(`${request.method} ${request.url} ${body}`)
    response.statusCode = asked.length === 1 ? 409 : 302
    response.setHeader('location', '/elsewhere')
    response.end('12\n')
  })
  const answer = await post(Buffer.from('old 0\n'), signal)
  assert.deepEqual([answer.status, Buffer.from(answer.body).toString()], [409, '12\n'])
  assert.equal((await post(Buffer.from('old 0\n'), signal)).status, 302, 'redirects are not followed')
  assert.deepEqual(asked, ['POST /w1/add-checkpoint old 0\n', 'POST /w1/add-checkpoint old 0\n'])
})

test('a witness that is not there is unavailable, one that floods is cut, and a caller who left is told so', async (t) => {
  const nowhere = createHttpWitness('http://127.0.0.1:1')
  await assert.rejects(nowhere.post(new Uint8Array(1), signal), { code: 'unavailable.peer' })
  await assert.rejects(nowhere.post(new Uint8Array(1), AbortSignal.abort()), { code: 'aborted.caller' })
  await nowhere.close()
  const { post } = await witnessOf(t, (_, response) => void response.end(Buffer.alloc(100_000)))
  await assert.rejects(post(new Uint8Array(1), signal), { code: 'exhausted.size' })
})
