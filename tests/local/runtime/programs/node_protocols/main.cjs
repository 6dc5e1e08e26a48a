// One program for every protocol: it listens on the port that PORT names, as the contract has it.
const http = require('node:http')

const routes = {
  'GET /ping': () => ({ status: 'Healthy' }),
  'GET /.well-known/agent-card.json': () => ({ name: 'a card', url: process.env.AGENTCORE_RUNTIME_URL }),
  'POST /': ({ id }) => ({ jsonrpc: '2.0', id, result: { port: process.env.PORT } }),
  'POST /mcp': ({ id, method }) => ({ jsonrpc: '2.0', id, result: { method } }),
  'POST /invocations': () => null,
}

http
  .createServer(async (request, response) => {
    const pieces = []
    for await (const piece of request) pieces.push(piece)
    const route = routes[`${request.method} ${request.url}`]
    if (!route) return response.writeHead(404).end()
    const answer = route(JSON.parse(Buffer.concat(pieces).toString() || '{}'))
    if (answer) return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"type": "RUN_STARTED"}\n\n')
    response.end('data: {"type": "RUN_FINISHED"}\n\n')
  })
  .listen({ port: process.env.PORT, host: '0.0.0.0' })
