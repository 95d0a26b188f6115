SECONDS_AWAY = 30
lock_sqlite = stop_postgresql = None
