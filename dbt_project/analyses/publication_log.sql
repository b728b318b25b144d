{{ write_publication_log() }}
