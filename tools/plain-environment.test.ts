import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropNpmVariables } from './plain-environment.ts'

test('dropNpmVariables() takes out what npm run adds, and leaves where packages come from', () => {
  const environment = {
    HOME: '/home/me',
    INIT_CWD: '/work',
    npm_command: 'test',
    npm_config_userconfig: '/home/me/.npmrc',
    npm_config_registry: 'https://registry.example.com/',
  }
  dropNpmVariables(environment)
  assert.deepEqual(environment, { HOME: '/home/me', npm_config_registry: 'https://registry.example.com/' })
})
