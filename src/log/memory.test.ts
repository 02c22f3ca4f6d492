import { LOG_SIGNER, logSuite, sampleKeysOf } from '../../test/kit/log-suite.ts'
import { createMemoryMirror, createMemoryWriter } from './memory.ts'

logSuite('memory', {
  writer: async (origin, options) => createMemoryWriter({ origin, keysOf: sampleKeysOf, ...options }, LOG_SIGNER),
  mirror: async (origin) => createMemoryMirror({ origin, keysOf: sampleKeysOf }),
})
