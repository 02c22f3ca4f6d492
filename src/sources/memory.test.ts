import { sourcesSuite } from '../../test/kit/sources-suite.ts'
import { createMemorySources } from './memory.ts'

sourcesSuite('memory sources', async (_t, limits) => {
  const sources = createMemorySources(limits)
  return { sources, publish: sources.publish, tag: sources.tag, hide: sources.hide }
})
