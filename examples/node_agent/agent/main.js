// An agent as AgentCore Runtime hosts it, on nothing but node:http. Nothing in it knows skerry.
//
// The contract: port 8080, GET /ping, POST /invocations. A session is a process of its own, so what a program
// keeps in a variable belongs to one conversation.
import { createServer } from 'node:http'

const said = []

createServer(async (request, response) => {
  if (request.method === 'GET' && request.url === '/ping') {
    return response.end(JSON.stringify({ status: 'Healthy' }))
  }
  if (request.method !== 'POST' || request.url !== '/invocations') return response.writeHead(404).end()
  const { prompt = '' } = await body(request)
  said.push(prompt)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const word of [`You said "${prompt}".`, `That was number ${said.length}.`]) {
    response.write(`data: ${JSON.stringify(word)}\n\n`)
  }
  response.end()
}).listen(8080, '0.0.0.0')

async function body(request) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return JSON.parse(Buffer.concat(pieces).toString() || '{}')
}
