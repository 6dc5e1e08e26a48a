// Loaded before the Node program of a session: `node --require node_preload.cjs main.mjs`.
//
// The program listens on its contract port (8080, 8000 …), which many sessions on one machine cannot share: a
// server that it starts there gets a free port of the loopback instead, and that is reported on the channel. The
// session ends when the channel closes, because then nobody is left to end it. Nothing else is changed.
'use strict'

const fs = require('node:fs')
const { flushCompileCache } = require('node:module')
const net = require('node:net')
const { getEnvironmentData, isMainThread, setEnvironmentData } = require('node:worker_threads')

const LISTEN = 'SKERRY_LISTEN'
const HOST = '127.0.0.1'

// A thread of the program is told by its parent. A process that the program forks, as a cluster does, has no
// channel, and what it listens on stays where it is.
const told = isMainThread ? process.env[LISTEN] : getEnvironmentData(LISTEN)
delete process.env[LISTEN]

if (told) {
  const [contract, channel] = told.split(' ').map(Number)
  if (isMainThread) {
    setEnvironmentData(LISTEN, told)
    endWith(channel)
  }
  move(contract, (port) => {
    fs.writeSync(channel, `${JSON.stringify({ host: HOST, port })}\n`)
    setImmediate(() => flushCompileCache?.()) // a session is seldom ended so that Node does it
  })
}

function move(contract, report) {
  const listen = net.Server.prototype.listen

  net.Server.prototype.listen = function (...given) {
    const options = asOptions(given)
    if (Number(options.port) !== contract) return listen.apply(this, given)
    this.once('listening', () => report(this.address().port))
    const callback = given.at(-1)
    return listen.call(
      this,
      { ...options, port: 0, host: HOST, ipv6Only: false },
      ...(typeof callback === 'function' ? [callback] : []),
    )
  }
}

// The forms of listen(): options, or port, host and backlog in this order, the latter two optional.
function asOptions([first, ...rest]) {
  if (typeof first === 'object' && first !== null) return first
  return { port: first, backlog: rest.find((value) => typeof value === 'number') }
}

function endWith(channel) {
  new net.Socket({ fd: channel, readable: true, writable: false })
    .on('error', () => {})
    .once('close', () => process.kill(0, 'SIGKILL'))
    .resume()
    .unref()
}
