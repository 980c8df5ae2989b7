// An MCP server that behaves well or badly as the path says. The port that it
// got is its first line on stdout; then each request is a line of JSON there.
// With the argument "stdio" it is a program that speaks MCP on its stdin and
// stdout, as the next argument says; with "late-" in front it does not read before
// it was greeted, as one that is slow to start, and with "slow-" not for the longest
// time that a program has which may know the handshake instead.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const version = '2025-11-25'
const greeting = (asked) => ({
	protocolVersion: asked, capabilities: { tools: {} },
	serverInfo: { name: 'peer', version: '1' },
})
const content = (text) => ({ content: [{ type: 'text', text }] })
const answer = (id, result) => ({ jsonrpc: '2.0', id, result })
const failure = (id, code, message, data) =>
	({ jsonrpc: '2.0', id, error: { code, message, data } })

// --- stdio --------------------------------------------------------------------

function stdio(how) {
	const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')
	if (how === 'ends') {
		process.stderr.write('the stage is dark\n')
		process.exit(3)
	}
	if (how === 'noise')
		process.stdout.write('Welcome!\n{"half":\n\n')
	const unread = []
	let late = how.startsWith('late-')
	let begin = (listen) => listen()
	if (how.startsWith('slow-'))
		begin = (listen) => setTimeout(listen, 1500)
	how = how.replace(/^(late|slow)-/, '')
	begin(() => createInterface({ input: process.stdin }).on('line', (line) => {
		unread.push(JSON.parse(line))
		late = late && unread.at(-1).method !== 'initialize'
		while (!late && unread.length)
			read(unread.shift())
	}))
	function read(m) {
		if (m.method === 'server/discover' && how === 'dies-asked')
			process.exit(1)
		if (m.method === 'server/discover' && how === 'new')
			say(answer(m.id, { resultType: 'complete',
				supportedVersions: ['2026-07-28'], capabilities: {} }))
		else if (m.method === 'server/discover' && how === 'mute')
			return
		else if (m.method === 'server/discover')
			say(failure(m.id, -32601, 'Method not found'))
		else if (m.method === 'initialize' && how === 'new')
			say(failure(m.id, -32601, 'Method not found'))
		else if (m.method === 'initialize')
			say(answer(m.id, greeting(m.params.protocolVersion)))
		else if (m.method === 'tools/call' && how === 'long')
			process.stdout.write('x'.repeat(9 << 20) + '\n')
		else if (m.method === 'tools/call' && how === 'leaves')
			process.exit(7)
		else if (m.method === 'tools/call' && how === 'asks')
			say({ jsonrpc: '2.0', id: 's1', method: 'sampling/createMessage', params: {} })
		else if (m.id === 's1')
			say(answer(call, content(`refused ${m.error.code}`)))
		else if (m.method === 'tools/call')
			say(answer(m.id, content(how === 'new'
				? m.params._meta['io.modelcontextprotocol/protocolVersion']
				: m.params.arguments.message)))
		if (m.method === 'tools/call')
			call = m.id
	}
	let call = 0
}

// --- HTTP ---------------------------------------------------------------------

const sessions = new Map() // path -> how many were begun
const asked = new Map()    // Mcp-Session-Id -> what its client answered
const waiting = new Map()  // Last-Event-ID -> { id, way, tries }

function events(res, ...list) {
	res.writeHead(200, { 'Content-Type': 'text/event-stream' })
	for (const e of list)
		res.write(e)
}
const event = (o, id) => (id ? `id: ${id}\n` : '') + `event: message\ndata: ${JSON.stringify(o)}\n\n`

function json(res, o, status = 200, more = {}) {
	res.writeHead(status, { 'Content-Type': 'application/json', ...more })
	res.end(JSON.stringify(o))
}

function begin(req, res, way, m) {
	const n = (sessions.get(way) ?? 0) + 1
	sessions.set(way, n)
	if (way === 'strict' && m.params.protocolVersion !== '2024-11-05')
		return json(res, failure(m.id, -32602, 'Unsupported protocol version',
			{ supported: ['2024-11-05'] }))
	if (way === 'future')
		return json(res, answer(m.id, greeting('2099-01-01')))
	const asks = way === 'older' ? '2025-03-26' : m.params.protocolVersion
	if (way === 'json')
		return json(res, answer(m.id, greeting(asks)))
	res.setHeader('Mcp-Session-Id', `${way}-${n}`)
	events(res, 'id: p0\ndata: \n\n', event(answer(m.id, greeting(asks))))
	res.end()
}

function called(req, res, way, m) {
	const says = (text) => answer(m.id, content(text))
	const session = req.headers['mcp-session-id']
	const text = m.params.arguments?.message ?? ''
	switch (way) {
	case 'json': return json(res, says(text))
	case 'older': return json(res, [
		{ jsonrpc: '2.0', method: 'notifications/message', params: {} }, says(text)])
	case 'forgets': case 'forgets400':
		if (session === `${way}-1`)
			return json(res, failure(null, -32001, 'Session not found'),
				way === 'forgets' ? 404 : 400)
		return json(res, says(session))
	case 'amnesia': return json(res, failure(null, -32001, 'Session not found'), 404)
	case 'cut': // in the middle of an event, behind one with an id
		events(res, 'id: c1\ndata: \n\n', 'id: c2\nevent: message\nda')
		waiting.set('c1', { id: m.id, text })
		return setImmediate(() => res.destroy())
	case 'twice': // cut, and cut again
		events(res, 'id: t1\nretry: 20\ndata: \n\n')
		waiting.set('t1', { next: 't2' })
		waiting.set('t2', { id: m.id, text })
		return res.end()
	case 'lost': // no id to go on from
		events(res, 'event: message\ndata: {"jsonr')
		return setImmediate(() => res.destroy())
	case 'gone': // an id, but no stream to take up
		events(res, 'id: nowhere\ndata: \n\n')
		return res.end()
	case 'asks':
		asked.set(session, (reply) => {
			res.write(event(answer(m.id, content(`refused ${reply.error.code}`))))
			res.end()
		})
		return events(res, event({ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: {} }))
	case 'pings':
		asked.set(session, (reply) => {
			res.write(event(answer(m.id, content(`ponged ${JSON.stringify(reply.result)}`))))
			res.end()
		})
		return events(res, event({ jsonrpc: '2.0', id: 'q', method: 'ping' }))
	case 'crlf': {
		const body = event(says(text)).replaceAll('\n', '\r\n')
		return events(res, '\ufeff: a comment\r\n', body), res.end()
	}
	case 'silent': return events(res)
	case 'accepts': return res.writeHead(202).end()
	case 'other': return json(res, answer(m.id + 100, content('not yours')))
	case 'garbage': return json(res, 'hello')
	case 'html': res.writeHead(200, { 'Content-Type': 'text/html' }); return res.end('<html>')
	case 'refuses': return json(res, failure(m.id, -32602, 'no such tool'))
	case 'endless': {
		events(res)
		const go = () => { while (res.write('data: ' + 'y'.repeat(65536))); res.once('drain', go) }
		return go()
	}
	case 'short': // a length that is not reached
		res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '500' })
		res.write('{"jsonrpc":')
		return setImmediate(() => res.destroy())
	case 'resets': return req.socket.resetAndDestroy()
	case 'moved': return res.writeHead(307, { Location: 'http://127.0.0.1:9/other' }).end()
	case 'error500': return res.writeHead(500).end('oops')
	case 'locked': return res.writeHead(401).end()
	case 'cancel': return events(res) // until it is cancelled
	default: events(res, event(says(text))); return res.end()
	}
}

function stateless(req, res, m) {
	const meta = m.params?._meta ?? {}
	const right = req.headers['mcp-protocol-version'] === '2026-07-28' &&
		req.headers['mcp-method'] === m.method && !req.headers['mcp-session-id'] &&
		meta['io.modelcontextprotocol/protocolVersion'] === '2026-07-28' &&
		typeof meta['io.modelcontextprotocol/clientCapabilities'] === 'object'
	if (!right)
		return json(res, failure(m.id ?? null, -32020, 'headers and _meta do not fit'), 400)
	if (m.method === 'server/discover')
		return json(res, answer(m.id, { resultType: 'complete',
			supportedVersions: ['2026-07-28'], capabilities: { tools: {} },
			_meta: { 'io.modelcontextprotocol/serverInfo': { name: 'new', version: '2' } } }))
	if (m.params.name === 'ask')
		return json(res, answer(m.id, { resultType: 'input_required', inputRequests: {} }))
	json(res, answer(m.id, { resultType: 'complete',
		...content(`${req.headers['mcp-name']} ${m.params.arguments?.message ?? ''}`) }))
}

function take(req, res, body) {
	const way = req.url.slice(1)
	console.log(JSON.stringify({ way, method: req.method, session: req.headers['mcp-session-id'],
		last: req.headers['last-event-id'], protocol: req.headers['mcp-protocol-version'],
		says: body.method, id: body.id, reason: body.params?.reason }))
	if (req.method === 'DELETE')
		return res.writeHead(way === 'json' ? 405 : 200).end()
	if (req.method === 'GET') {
		const left = waiting.get(req.headers['last-event-id'])
		if (!left)
			return res.writeHead(405).end()
		if (left.next)
			events(res, `id: ${left.next}\ndata: \n\n`)
		else
			events(res, event(answer(9999, content('of another stream')), 'x1'),
				event(answer(left.id, content(left.text)), 'x2'))
		return res.end()
	}
	if (way === 'new')
		return stateless(req, res, body)
	if (body.method === 'server/discover')
		return json(res, failure(null, -32000, 'Bad Request: no session'), 400)
	if (body.method === 'initialize')
		return begin(req, res, way, body)
	if (body.method === 'tools/call')
		return called(req, res, way, body)
	if (body.id === 'q')
		asked.get(req.headers['mcp-session-id'])(body)
	res.writeHead(202).end()
}

if (process.argv[2] === 'stdio') {
	stdio(process.argv[3])
} else {
	const server = createServer((req, res) => {
		const pieces = []
		req.on('data', (d) => pieces.push(d))
		req.on('end', () => {
			const text = Buffer.concat(pieces).toString()
			take(req, res, text ? JSON.parse(text) : {})
		})
	})
	server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}
