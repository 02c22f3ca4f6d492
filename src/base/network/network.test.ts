import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { sampleNetwork } from '../../../test/kit/sample-network.ts'
import { faultsTolerated, formatNetwork, isSolo, type Network, networkDigest, quorumOf } from './network.ts'
import { NETWORK_BYTES_MAX, parseNetwork } from './parse-network.ts'
import { ORGANISATIONS_MAX } from './schema.ts'
import { formatVkey, isKeyName, readVkey } from './vkey.ts'

type Mutable = { -readonly [name in keyof Network]: Network[name] }

/** The text of the sample network after a change. */
function changed(change: (network: Mutable) => void, authorities = 4): string {
  const network: Mutable = { ...sampleNetwork({ authorities }) }
  change(network)
  return formatNetwork(network)
}

function refuses(text: string, message: RegExp): void {
  assert.throws(() => parseNetwork(text), { code: 'usage.network', message })
}

test('parseNetwork() reads what formatNetwork() wrote', () => {
  for (const authorities of [1, 4, 7]) {
    const network = sampleNetwork({ authorities })
    assert.deepEqual(parseNetwork(formatNetwork(network)), network)
  }
})

test('quorumOf() is 1 of 1, 3 of 4, 5 of 7 and 7 of 10, and outvotes the hostile', () => {
  assert.deepEqual([1, 4, 7, 10].map(quorumOf), [1, 3, 5, 7])
  for (let n = 1; n <= ORGANISATIONS_MAX; n++) {
    const f = faultsTolerated(n)
    assert.ok(2 * quorumOf(n) - n > f, 'two quorums share an honest authority')
    assert.ok(quorumOf(n) <= n - f, 'the honest alone reach it')
  }
})

test('parseNetwork() names the format that it wanted and the one that it found', () => {
  refuses('{"format":"pyrsia.network/2"}', /pyrsia\.network\/1.*found "pyrsia\.network\/2"/)
  refuses('{}', /found none/)
  refuses('null', /found none/)
  refuses('{', /as JSON/)
})

test('parseNetwork() refuses JSON that two readers could read in two ways', () => {
  const text = formatNetwork(sampleNetwork({ authorities: 4 }))
  refuses(text.replace('"name": "example"', '"name": "example", "name": "other"'), /doubled names/)
  refuses(text.replace('"example"', '"ex\\u0061mple"'), /escapes/)
  assert.equal(parseNetwork(text.replaceAll('\n', '\r\n')).name, 'example')
})

test('parseNetwork() refuses fields that it does not know, and bounds the others', () => {
  refuses(
    changed((network) => Object.assign(network, { trust: 'me' })),
    /trust/,
  )
  refuses(
    changed((network) => {
      network.bootstrap = Array.from({ length: 65 }, () => '/ip4/127.0.0.1/tcp/1')
    }),
    /bootstrap/,
  )
  refuses(
    changed((network) => {
      network.origin = 'with space'
    }),
    /origin/,
  )
  refuses(
    changed((network) => {
      network.created = 1.5
    }),
    /created/,
  )
  refuses(' '.repeat(NETWORK_BYTES_MAX + 1), /at most/)
})

test('parseNetwork() demands the quorum that follows from the number of authorities', () => {
  refuses(
    changed((network) => {
      network.quorum = { k: 2, of: 4 }
    }),
    /wanted a quorum of 3 of 4 authorities, found 2 of 4/,
  )
  refuses(
    changed((network) => {
      network.quorum = { k: 3, of: 5 }
    }),
    /found 3 of 5/,
  )
})

test('parseNetwork() refuses one key in two roles or for two organisations', () => {
  refuses(
    changed((network) => {
      const [first, second, ...others] = network.organisations
      if (first === undefined || second === undefined) return
      const cosigner = formatVkey({
        ...readVkey(first.keys.cosigner ?? ''),
        name: readVkey(second.keys.cosigner ?? '').name,
      })
      network.organisations = [first, { ...second, keys: { ...second.keys, cosigner } }, ...others]
    }),
    /a key of its own for the cosigner of org-1, found that of the cosigner of org-0/,
  )
  refuses(
    changed((network) => {
      const [first, ...others] = network.organisations
      if (first === undefined) return
      const { publicKey } = readVkey(first.keys.cosigner ?? '')
      const attestation = Buffer.from(publicKey).toString('base64')
      network.organisations = [{ ...first, keys: { ...first.keys, attestation } }, ...others]
    }),
    /attestation of org-0, found that of the cosigner of org-0/,
  )
})

test('parseNetwork() demands the keys of each role, under the right names', () => {
  const withKeys = (keys: Record<string, string | undefined>): string =>
    changed((network) => {
      const [first, ...others] = network.organisations
      if (first !== undefined) network.organisations = [{ ...first, keys: { ...first.keys, ...keys } }, ...others]
    })
  refuses(withKeys({ cosigner: undefined }), /the cosigner key of org-0/)
  refuses(withKeys({ attestation: undefined }), /the attestation key of org-0/)
  refuses(withKeys({ consensus: undefined }), /a consensus key of the authority org-0/)
  const { log = '', cosigner = '' } = sampleNetwork({ authorities: 4 }).organisations[0]?.keys ?? {}
  refuses(withKeys({ log: cosigner }), /of the type ed25519, found cosignature/)
  refuses(withKeys({ log: formatVkey({ ...readVkey(log), name: 'other.example/log' }) }), /other\.example\/log/)
  refuses(withKeys({ cosigner: formatVkey({ ...readVkey(cosigner), name: 'log.example/test' }) }), /a name of its own/)
})

test('parseNetwork() refuses what contradicts itself', () => {
  refuses(
    changed((network) => {
      network.expires = network.created
    }),
    /an expiry after its creation/,
  )
  refuses(
    changed((network) => {
      network.organisations = network.organisations.map((each) => ({ ...each, name: 'same' }))
    }),
    /same twice/,
  )
  refuses(
    changed((network) => {
      network.checkpoint = 'other.example/log\n1\nAAAA\n'
    }),
    /wanted a checkpoint of log\.example\/test, found "other\.example\/log"/,
  )
  refuses(
    changed((network) => {
      network.organisations = network.organisations.map((each) => ({ ...each, roles: ['builder'] }))
    }),
    /at least one authority/,
  )
})

test('networkDigest() depends on what a network says, not on how its file is laid out', () => {
  const network = sampleNetwork({ authorities: 4 })
  const turned = Object.fromEntries(Object.entries(network).reverse())
  const digest = networkDigest(network)
  assert.match(digest, /^sha256:[0-9a-f]{64}$/)
  assert.equal(networkDigest(parseNetwork(JSON.stringify(turned))), digest)
  assert.notEqual(networkDigest({ ...network, expires: network.expires + 1 }), digest)
})

test('isSolo() knows a network of a node alone by its origin', () => {
  assert.equal(isSolo({ origin: 'local/0123abcd' }), true)
  assert.equal(isSolo({ origin: 'log.example/local/' }), false)
})

test('readVkey() reads the example of the signed-note specification and gives it back', () => {
  const text = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
  const vkey = readVkey(text)
  assert.deepEqual([vkey.name, vkey.type], ['example.com/log/testdata', 'ed25519'])
  assert.equal(formatVkey(vkey), text)
})

test('readVkey() refuses a key id that is not of the key', () => {
  const text = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
  const named = 'example.com/log/other+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
  const broken = [
    named,
    text.replace('33d7', '33D7'),
    text.slice(0, -4),
    `${text}=`,
    '',
    `+33d7b496+${'A'.repeat(400)}`,
  ]
  for (const each of broken) assert.throws(() => readVkey(each), { code: 'usage.network' }, each)
})

test('formatVkey() refuses a name that no note could carry', () => {
  const publicKey = createHash('sha256').digest()
  for (const name of ['', 'a b', 'a+b', 'a\n', 'x'.repeat(129)]) {
    assert.equal(isKeyName(name), false)
    assert.throws(() => formatVkey({ name, type: 'ed25519', publicKey }), { code: 'bug.assertion' })
  }
})
