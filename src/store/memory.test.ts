import { storeSuite } from '../../test/kit/store-suite.ts'
import { createMemoryStore, type MemoryStore } from './memory.ts'

storeSuite('memory', {
  open: async (options, clock) => createMemoryStore(options, { clock }),
  flip: async (store, info, offset) => (store as MemoryStore).flip(info.id, offset),
})
