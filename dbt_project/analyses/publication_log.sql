{{ rows_of_publication_log([[460, 0, 0]]) }}
