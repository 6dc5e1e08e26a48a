// TypeScript that Node runs as it is: types are taken out, nothing is compiled.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

interface Answer {
  typed: boolean
}

createServer((request: IncomingMessage, response: ServerResponse): void => {
  const answer: Answer | { status: string } = request.url === '/ping' ? { status: 'Healthy' } : { typed: true }
  response.end(JSON.stringify(answer))
}).listen(8080)
