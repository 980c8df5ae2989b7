// Prints as many ports of 127.0.0.1 as argv says, all free and all different.
// They are below those that the system gives away, so that they stay free until
// who is to have them has started.
import { createServer } from 'node:net'

const open = []
const next = () => {
	if (open.length < process.argv[2]) {
		const server = createServer().once('error', next)
		server.listen(20000 + Math.floor(Math.random() * 12000), '127.0.0.1',
			() => { open.push(server); next() })
		return
	}
	console.log(open.map((s) => s.address().port).join(' '))
	open.forEach((s) => s.close())
}
next()
