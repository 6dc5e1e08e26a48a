// A stateless MCP server as AgentCore Runtime hosts it (port 8000, POST /mcp), on nothing but node:http. A server of
// your own would use the SDK of MCP; this one shows what travels.
import { createServer } from 'node:http'

const TOOL = {
  name: 'get_forecast',
  description: 'The weather forecast for a city.',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'weather', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: [TOOL] }),
  'tools/call': ({ arguments: { city } }) => ({ content: [{ type: 'text', text: `${city}: 18 °C, light rain` }] }),
}

createServer(async (request, response) => {
  if (request.method !== 'POST' || request.url !== '/mcp') return response.writeHead(405, { allow: 'POST' }).end()
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  const { id, method, params } = JSON.parse(Buffer.concat(pieces).toString())
  if (id === undefined) return response.writeHead(202).end()
  const answer = methods[method]
    ? { result: methods[method](params ?? {}) }
    : { error: { code: -32601, message: `Method not found: ${method}` } }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
}).listen(8000, '0.0.0.0')
