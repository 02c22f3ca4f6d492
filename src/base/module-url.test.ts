import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moduleUrl } from './module-url.ts'

test('moduleUrl() keeps .ts beside a module that is TypeScript', () => {
  assert.equal(moduleUrl('./x-worker.ts', 'file:///clone/src/a/b.ts').href, 'file:///clone/src/a/x-worker.ts')
})

test('moduleUrl() names the compiled module beside a compiled one', () => {
  assert.equal(moduleUrl('../c/x-worker.ts', 'file:///app/dist/a/b.js').href, 'file:///app/dist/c/x-worker.js')
})
