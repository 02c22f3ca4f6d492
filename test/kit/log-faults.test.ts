/** The whole fault table of the log. */
import { test } from 'node:test'
import { everyCell, killedAppender, killedCosigner, killedMirror, stumblingAppender } from './log-faults.ts'

test('the appender, killed at each write, sync and rename in every way and with every crash loses nothing and signs no second history', () =>
  killedAppender(everyCell))

test('the appender goes on in the same process after each write, sync and rename in every way and with every crash failed once', () =>
  stumblingAppender(everyCell))

test('a mirror that is killed at each write, sync and rename in every way and with every crash takes the log in when it starts again', () =>
  killedMirror(everyCell))

test('the cosigner that is killed at each write, sync and rename in every way and with every crash still refuses a second history of everything that it signed', () =>
  killedCosigner(everyCell))
