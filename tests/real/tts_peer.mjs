// A speech service as studios run them: POST /v1/audio/speech {input, voice}
// answers a WAV, which espeak-ng writes into a pipe. Its port is its first line.
import { createServer } from 'node:http'
import { spawn } from 'node:child_process'

const server = createServer((req, res) => {
	const pieces = []
	req.on('data', (d) => pieces.push(d))
	req.on('end', () => {
		if (req.headers.authorization !== 'Bearer tts-secret-1234')
			return res.writeHead(401).end('{"error":"Bearer ' + 'tts-secret-1234 is wanted"}')
		const { input = '' } = JSON.parse(Buffer.concat(pieces).toString() || '{}')
		res.writeHead(200, { 'Content-Type': 'audio/wav' })
		if (req.url === '/silence') {
			const head = Buffer.alloc(44)
			head.write('RIFF', 0); head.writeUInt32LE(16036, 4); head.write('WAVEfmt ', 8)
			head.writeUInt32LE(16, 16); head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22)
			head.writeUInt32LE(8000, 24); head.writeUInt32LE(16000, 28)
			head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34)
			head.write('data', 36); head.writeUInt32LE(16000, 40)
			return res.end(Buffer.concat([head, Buffer.alloc(16000)]))
		}
		spawn('espeak-ng', ['--stdout', '--', input]).stdout.pipe(res)
	})
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
