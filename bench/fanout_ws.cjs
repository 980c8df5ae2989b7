// Node's ws in the fan-out bench: run by fanout_bench with a pipe at 3, which
// takes the port, and NODE_PATH where ws is.
const { WebSocketServer } = require('ws');
const fs = require('fs');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 1024 });

function text() {
	const at = process.hrtime.bigint() / 1000n; // as clock_mono_us()
	const n = at % 100000n;
	return `{"topic":"tally","poll":"route","total":${n + 1n},` +
		`"counts":{"cave":${n},"ridge":1},"at":${at},` +
		'"margin_permille":999,"uncertainty_permille":1,"too_close":false}';
}

server.on('listening', () => {
	const port = Buffer.alloc(4);
	port.writeInt32LE(server.address().port);
	fs.writeSync(3, port);
});
server.on('connection', (client) => client.on('error', () => client.terminate()));
setInterval(() => {
	const said = text();
	for (const client of server.clients) client.send(said);
}, Number(process.argv[2]));
