// An agent on nothing but node:http. What it is asked for in `do` it does.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { homedir, tmpdir } from 'node:os'

let calls = 0

const acts = {
  about: () => ({
    pid: process.pid,
    argv: process.argv,
    cwd: process.cwd(),
    environment: process.env,
    home: homedir(),
    temporary: tmpdir(),
    calls,
    version: process.version,
    listens: server.address(),
    limits: readFileSync('/proc/self/limits', 'utf8'),
  }),
  print: ({ text }) => console.log(text) ?? {},
  read: ({ path }) => attempt(() => readFileSync(path, 'utf8')),
  write: ({ path }) => attempt(() => writeFileSync(path, 'here') ?? 'written'),
  child: () => ({ pid: spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }).pid }),
  exit: ({ code }) => process.exit(code),
  headers: (_, request) => request.headers,
}

function attempt(what) {
  try {
    return { value: what() }
  } catch (problem) {
    return { error: problem.code }
  }
}

const server = createServer(async (request, response) => {
  if (request.url === '/ping') return response.end('{"status": "Healthy"}')
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  calls += 1
  const asked = JSON.parse(Buffer.concat(pieces))
  const answer = acts[asked.do](asked, request)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(answer))
})

server.listen(8080, '0.0.0.0')
