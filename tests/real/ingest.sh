#!/bin/sh
# A real RTMP ingest for a test: nginx with its RTMP module, on ports of its own.
#
#   ingest.sh start DIR RTMP_PORT HTTP_PORT   takes the stream live/house alone
#   ingest.sh again DIR                       once more, as it was
#   ingest.sh stop DIR                        ends it, by its pid
#
# DIR/ingest.pid names the process. http://127.0.0.1:HTTP_PORT/stat tells what
# is published, /control/drop/publisher?app=live&name=house drops it. It returns
# when nginx answers. Exit 77: something is not installed, and says what.
set -u

command=${1:?start, again or stop}
dir=${2:?a folder}
modules=/usr/lib/nginx/modules
PATH=$PATH:/usr/sbin

write_settings() { # RTMP_PORT HTTP_PORT
	mkdir -p "$dir/nginx"
	cat >"$dir/nginx/nginx.conf" <<-CONF
	load_module $modules/ngx_rtmp_module.so;
	daemon off;
	master_process off;
	pid $dir/nginx/nginx.pid;
	error_log $dir/nginx/error.log warn;
	events { worker_connections 64; }
	rtmp {
	  server {
	    listen 127.0.0.1:$1;
	    application live {
	      live on;
	      notify_method get;
	      on_publish http://127.0.0.1:$2/auth;
	    }
	  }
	}
	http {
	  access_log off;
	  client_body_temp_path $dir/nginx/b;
	  proxy_temp_path $dir/nginx/p;
	  fastcgi_temp_path $dir/nginx/f;
	  uwsgi_temp_path $dir/nginx/u;
	  scgi_temp_path $dir/nginx/s;
	  map \$arg_name \$known { default 0; house 1; }
	  server {
	    listen 127.0.0.1:$2;
	    location = /auth { if (\$known) { return 204; } return 403; }
	    location /stat { rtmp_stat all; }
	    location /control { rtmp_control all; }
	  }
	}
	CONF
}

start_nginx() {
	setsid nginx -e "$dir/nginx/error.log" -p "$dir/nginx" \
		-c "$dir/nginx/nginx.conf" \
		>"$dir/nginx/out" 2>&1 </dev/null &
	echo $! >"$dir/ingest.pid"
	# Until it answers, or has died.
	http=$(sed -n 's/^ *on_publish \(.*\)auth;/\1stat/p' \
		"$dir/nginx/nginx.conf")
	until curl -s --noproxy '*' -o /dev/null --max-time 5 "$http"; do
		kill -0 $! 2>/dev/null || {
			cat "$dir/nginx/error.log" >&2
			exit 1
		}
	done
}

case $command in
start)
	command -v nginx >/dev/null && [ -e "$modules/ngx_rtmp_module.so" ] || {
		echo "nginx and its RTMP module are not installed"
		exit 77
	}
	write_settings "${3:?a port}" "${4:?a port}"
	start_nginx
	;;
again)
	start_nginx
	;;
stop)
	[ -s "$dir/ingest.pid" ] || exit 0
	pid=$(cat "$dir/ingest.pid")
	kill -CONT "$pid" 2>/dev/null
	kill -KILL "$pid" 2>/dev/null
	timeout 8 tail --pid="$pid" -f /dev/null # its ports are free then
	rm -f "$dir/ingest.pid"
	;;
*)
	echo "usage: $0 start|again|stop DIR [RTMP_PORT HTTP_PORT]" >&2
	exit 2
	;;
esac
